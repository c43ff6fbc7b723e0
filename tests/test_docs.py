"""What the README and the docs tell people to type exists, and runs.

Commands in blocks marked ``sh`` run here, on a small film called holiday.mp4; all others need data, hours or a terminal
and are only parsed: that they, their options and their number of arguments exist. Python blocks run, but for those
in ``FRAGMENTS``, which are only compiled. The pages themselves are built by MkDocs.
"""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from PIL import Image

from made_clips import make_film, picture
from stvsr.cli.main import app, main
from stvsr.inference import Target, render
from stvsr.networks import NETWORKS
from stvsr.video import read_frames

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAM = typer.main.get_command(app)
GENERATED = "reference/cli.md"
FRAGMENTS = {"data.md"}
"""Pages whose Python needs names from elsewhere."""


def commands() -> list[str]:
    """Every ``stvsr ...`` and ``make ...`` in a block of code or between backticks."""
    found = set()
    for page in PAGES:
        text = page.read_text().replace("\\\n", "")  # a command may go on in the next line
        blocks = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)) + "\n"
        spans = "\n".join(re.findall(r"`([^`\n]+)`", text))
        found |= set(re.findall(r"^(?:stvsr|make) [^#\n|]+", blocks + spans, re.MULTILINE))
    return sorted(line.strip() for line in found)


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_docs_exists_with_its_options(line: str):
    program, name, *rest = shlex.split(line)
    if program == "make":
        assert re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    if name.startswith("-") or not name.islower():
        return
    command = PROGRAM.commands[name]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.split("=")[0] for word in rest if word.startswith("--")}
    assert used <= options | {"--help"}


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        text = re.sub(r"```.*?```|`[^`\n]+`", "", page.read_text(), flags=re.DOTALL)  # code has brackets of its own
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
            there = target.startswith("http") or target == GENERATED or (page.parent / target).exists()
            assert there, f"{page.name}: {target}"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a film, and a folder of clips, in which commands are typed."""
    make_film(tmp_path / "holiday.mp4", count=8)
    (tmp_path / "clips" / "square").mkdir(parents=True)
    for index in range(5):
        Image.fromarray(picture(index)).save(tmp_path / "clips" / "square" / f"{index}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")], ids=lambda page: page.name)
def test_commands_in_the_docs_run_in_their_order(page: Path, capsys: pytest.CaptureFixture[str]):
    for line in "".join(blocks(page, "sh")).splitlines():
        program, *arguments = shlex.split(line, comments=True)
        assert program == "stvsr", line
        assert main(arguments) == 0, f"{line}\n{capsys.readouterr().err}"


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_in_the_docs_runs(page: Path, monkeypatch: pytest.MonkeyPatch):
    code = compile("".join(blocks(page, "python")), page.name, "exec")
    if page.name not in FRAGMENTS:
        monkeypatch.setattr("stvsr.networks.NETWORKS", dict(NETWORKS))
        exec(code, {"__name__": page.stem})


def test_the_network_of_the_seven_steps_enhances_a_film(desk: Path, monkeypatch: pytest.MonkeyPatch):
    registry = dict(NETWORKS)
    monkeypatch.setattr("stvsr.networks.NETWORKS", registry)
    exec("".join(blocks(ROOT / "docs" / "add-a-network.md", "python")), {"__name__": "toy"})
    toy = registry["toy"](scale=2)
    frames = list(render(read_frames(desk / "holiday.mp4"), toy, Target(factor=4)))
    assert len(frames) == 32
    assert frames[0].image.shape == (3, 96, 128)
    assert frames[5].image.isfinite().all()


def reference() -> ModuleType:
    """What writes the page of all options."""
    spec = importlib.util.spec_from_file_location("cli_reference", ROOT / "docs" / "hooks" / "cli_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_has_every_option_of_every_command():
    sections = dict(re.findall(r"^## stvsr ([\w ]+)\n(.*?)(?=^## |\Z)", reference().page(), re.DOTALL | re.MULTILINE))
    assert {name.split()[0] for name in sections} == set(PROGRAM.commands)
    commands = dict(reference().commands_of(PROGRAM))
    assert set(sections) == set(commands)
    for name, command in commands.items():
        for parameter in command.params:
            for word in parameter.opts:
                shown = word if word.startswith("-") else word.upper()
                assert f"`{shown}`" in sections[name], f"{name} {word}"
            assert not getattr(parameter, "help", None) or parameter.help.replace("<", "&lt;") in sections[name]


def test_the_pages_are_built_without_a_warning_and_load_nothing_from_elsewhere(tmp_path: Path):
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", ROOT / "mkdocs.yml", "-d", tmp_path / "site"],
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    pages = list((tmp_path / "site").rglob("*.html"))
    assert {"quickstart.html", "cli.html"} <= {page.name for page in pages}
    for page in pages:
        loaded = re.findall(
            r"<(?:script|img|link rel=.?(?:stylesheet|icon))[^>]*(?:src|href)=.?(https?:[^ >]+)", page.read_text()
        )
        assert not loaded, f"{page.name}: {loaded}"


def test_every_page_is_in_the_navigation():
    listed = (ROOT / "mkdocs.yml").read_text()
    for page in (ROOT / "docs").rglob("*.md"):
        assert f": {page.relative_to(ROOT / 'docs')}\n" in listed, f"{page.name} is not in mkdocs.yml"
