"""Options from afar are checked like those of the command, and reach it unchanged."""

import pytest
import typer
from pydantic import ValidationError

from stvsr.cli.main import app
from stvsr.errors import OutputError, SettingsError
from stvsr.queue import Order


def test_every_option_exists_in_the_command_and_defaults_are_left_to_it():
    command = typer.main.get_command(app).commands["enhance"]  # pyright: ignore[reportAttributeAccessIssue]
    known = {option for parameter in command.params for option in parameter.opts}
    order = Order(network="bicubic", height=480, fps="24000/1001", drop_duplicates=True, codec="av1", quality=30)
    assert order.arguments() == [
        "--network=bicubic",
        "--height=480",
        "--fps=24000/1001",
        "--drop-duplicates",
        "--codec=av1",
        "--quality=30",
    ]
    assert {f"--{name.replace('_', '-')}" for name in Order.model_fields} - {"--container"} <= known
    assert Order().arguments() == []


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"times": 2, "fps": "60"}, SettingsError),
        ({"fps": "60", "keep_fps": True}, SettingsError),
        ({"scale": 2, "height": 480}, SettingsError),
        ({"fps": "0"}, SettingsError),
        ({"fps": "60/0"}, SettingsError),
        ({"fps": "1001"}, SettingsError),
        ({"fps": "60\n"}, ValidationError),
        ({"scale": 9}, ValidationError),
        ({"slow_motion": 65}, ValidationError),
        ({"network": "nonesuch"}, ValidationError),
        ({"overwrite": True}, ValidationError),
    ],
)
def test_what_cannot_work_is_refused_before_it_waits(options: dict[str, object], error: type[Exception]):
    with pytest.raises(error):
        Order.model_validate(options)


def test_the_result_is_stored_like_its_source_unless_told_otherwise():
    assert Order().ending("a.MOV") == ".mov"
    assert Order().ending("a.avi") == Order().ending("pictures") == ".mkv"
    assert Order(container="webm").ending("a.mov") == ".webm"
    with pytest.raises(OutputError, match=r"cannot hold h264"):
        Order(container="webm", codec="h264").ending("a.mov")
    with pytest.raises(OutputError, match=r"takes 0 \(best\) to 51"):
        Order(codec="h264", quality=60).ending("a.mp4")
