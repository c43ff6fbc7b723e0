"""Options that several commands take, and the settings that they stand for."""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from stvsr.errors import SettingsError

if TYPE_CHECKING:
    from stvsr.inference import Target
    from stvsr.jobs.plan import EnhanceSettings

Device = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["auto", "fp32", "bf16", "fp16", "int8"]
Runtime = Literal["torch", "onnx", "graphs"]

Scale = Annotated[int | None, typer.Option(help="Enlarge width and height, 1 to 8 (default: 4).")]
Height = Annotated[int | None, typer.Option(help="Instead of a scale: the height of the result in pixels.")]
Times = Annotated[int | None, typer.Option(help="Frames out for each frame in (default: 2).")]
Fps = Annotated[str | None, typer.Option(help="Instead: a constant rate, such as 60, 59.94 or 24000/1001.")]
KeepFps = Annotated[bool, typer.Option("--keep-fps", help="Instead: no new frames.")]
SlowMotion = Annotated[int, typer.Option(help="Run this many times slower, with as many more frames.")]
DropDuplicates = Annotated[bool, typer.Option("--drop-duplicates", help="Render repeated pictures anew.")]
Deinterlace = Annotated[bool, typer.Option("--deinterlace", help="Make whole pictures of interlaced ones first.")]
Network = Annotated[str | None, typer.Option(help="See `stvsr networks` (default: unison-s, else bicubic).")]
Weights = Annotated[Path | None, typer.Option(help="A weight file of your own.")]
AllowUntrained = Annotated[
    bool,
    typer.Option("--allow-untrained", help="Use random weights where there are no trained ones: only to see it run."),
]
Codec = Annotated[str | None, typer.Option(help="h264, hevc, av1, ffv1, prores, h264-nvenc, hevc-nvenc.")]
Quality = Annotated[int | None, typer.Option(help="The codec's own scale (CRF); smaller is better and larger.")]
OnDevice = Annotated[Device, typer.Option(help="auto takes a GPU where there is one.")]
InPrecision = Annotated[Precision, typer.Option(help="auto takes the fastest that the device is good at.")]
Tile = Annotated[int | None, typer.Option(help="Edge of a tile in input pixels (default: what fits).")]
OnRuntime = Annotated[Runtime, typer.Option(help="onnx: ONNX Runtime, after an export, once. graphs: CUDA graphs.")]
Passes = Annotated[int, typer.Option(help="2, 4 or 8: the mean of so many views, in so many times the time.")]
Segment = Annotated[int, typer.Option(help="Frames of the source in a segment: what a power cut costs at most.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the target if it is there.")]
Restart = Annotated[bool, typer.Option("--restart", help="Forget an unfinished job instead of going on with it.")]

NTSC = {
    "23.976": "24000/1001",
    "23.98": "24000/1001",
    "29.97": "30000/1001",
    "59.94": "60000/1001",
    "119.88": "120000/1001",
}
"""What television calls these rates, and what they are."""


def settings_from(options: dict[str, Any]) -> "EnhanceSettings":
    """The settings that a command's options ask for. Raises SettingsError where they contradict each other."""
    from stvsr.inference import RenderSettings
    from stvsr.jobs.plan import EnhanceSettings

    scale, height = options["scale"], options["height"]
    if scale is not None and height is not None:
        raise SettingsError(f"Both a scale ({scale}) and a height ({height}) were asked for. Give one.")
    plain = ("height", "network", "weights", "allow_untrained", "codec", "quality", "deinterlace", "segment")
    timed = ("times", "fps", "keep_fps", "slow_motion", "drop_duplicates")
    return EnhanceSettings(
        scale=4 if scale is None else scale,
        target=timing(**{name: options[name] for name in timed}),
        render=RenderSettings(**{name: options[name] for name in ("device", "precision", "tile", "runtime", "passes")}),
        overwrite=options.get("overwrite", False),
        **{name: options[name] for name in plain},
    )


def timing(times: int | None, fps: str | None, keep_fps: bool, slow_motion: int, drop_duplicates: bool) -> "Target":
    """The one timing that the options ask for."""
    from stvsr.inference import Target

    asked = [f"--times {times}" if times else "", f"--fps {fps}" if fps else "", "--keep-fps" if keep_fps else ""]
    if len(named := [option for option in asked if option]) > 1:
        raise SettingsError(f"{' and '.join(named)} contradict each other. Give one of them.")
    plain = fps is None and not keep_fps and slow_motion == 1
    return Target(
        factor=times if times is not None else 2 if plain else 1,
        fps=None if fps is None else rate(fps),
        slow_motion=slow_motion,
        drop_duplicates=drop_duplicates,
    )


def rate(text: str) -> Fraction:
    """An exact number of frames per second."""
    try:
        return Fraction(NTSC.get(text, text))
    except (ValueError, ZeroDivisionError) as error:
        raise SettingsError(f"{text!r} is not a frame rate. Try 60, 59.94 or 24000/1001.") from error
