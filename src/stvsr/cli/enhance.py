"""``stvsr enhance``: one film in, one larger and smoother film out."""

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from stvsr.cli import console
from stvsr.cli.options import Device, Precision, Runtime
from stvsr.errors import SettingsError

if TYPE_CHECKING:
    from stvsr.inference import Target
    from stvsr.jobs.plan import Plan

NTSC = {
    "23.976": "24000/1001",
    "23.98": "24000/1001",
    "29.97": "30000/1001",
    "59.94": "60000/1001",
    "119.88": "120000/1001",
}
"""What television calls these rates, and what they are."""


def enhance(
    source: str = typer.Argument(help="A video file, a folder of pictures, or - for y4m on standard input."),
    target: str | None = typer.Argument(None, help="By default beside the source: holiday.x4.60fps.mp4. - is stdout."),
    scale: int | None = typer.Option(None, help="Enlarge width and height, 1 to 8 (default: 4)."),
    height: int | None = typer.Option(None, help="Instead of a scale: the height of the result in pixels."),
    times: int | None = typer.Option(None, help="Frames out for each frame in (default: 2)."),
    fps: str | None = typer.Option(None, help="Instead: a constant rate, such as 60, 59.94 or 24000/1001."),
    keep_fps: bool = typer.Option(False, "--keep-fps", help="Instead: no new frames."),
    slow_motion: int = typer.Option(1, help="Run this many times slower, with as many more frames."),
    drop_duplicates: bool = typer.Option(False, "--drop-duplicates", help="Render repeated pictures anew."),
    network: str | None = typer.Option(None, help="See `stvsr networks` (default: unison-s, else bicubic)."),
    weights: Path | None = typer.Option(None, help="A weight file of your own."),
    allow_untrained: bool = typer.Option(
        False, "--allow-untrained", help="Use random weights where there are no trained ones: only to see it run."
    ),
    codec: str | None = typer.Option(None, help="h264, hevc, av1, ffv1 or prores."),
    quality: int | None = typer.Option(None, help="The codec's own scale (CRF); smaller is better and larger."),
    device: Device = typer.Option("auto", help="auto takes a GPU where there is one."),
    precision: Precision = typer.Option("auto", help="auto takes the fastest that the device is good at."),
    tile: int | None = typer.Option(None, help="Edge of a tile in input pixels (default: what fits)."),
    runtime: Runtime = typer.Option("torch", help="onnx: ONNX Runtime, after an export that takes minutes, once."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace the target if it is there."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout, when all is done."),
) -> None:
    """Make a film larger and smoother: four times as wide and high, twice as many frames, unless told otherwise.

    Sound, subtitles, chapters and colours stay. The result gets its name only when it is finished and checked.
    """
    if as_json and target == "-":
        raise SettingsError("Both the film and --json were asked to go to stdout. Give a file as TARGET.")
    from stvsr.inference import RenderSettings
    from stvsr.jobs import run
    from stvsr.jobs.plan import EnhanceSettings

    settings = EnhanceSettings(
        scale=4 if scale is None else scale,
        height=height,
        target=timing(times, fps, keep_fps, slow_motion, drop_duplicates),
        render=RenderSettings(device=device, precision=precision, tile=tile, runtime=runtime),
        network=network,
        weights=weights,
        allow_untrained=allow_untrained,
        codec=codec,
        quality=quality,
        overwrite=overwrite,
    )
    if scale is not None and height is not None:
        raise SettingsError(f"Both a scale ({scale}) and a height ({height}) were asked for. Give one.")
    with console.Bar() as bar:
        result = run.enhance(source, target, settings, progress=bar.show, on_plan=announce)
    for note in result.notes:
        console.say(f"note: {note}")
    if as_json:
        facts = {"ok": result.verify.ok, "checks": [asdict(check) for check in result.verify.checks]}
        console.emit(
            {
                "output": result.output,
                "frames_in": result.frames_in,
                "frames_out": result.frames_out,
                "seconds": result.seconds,
                "network": result.plan.network,
                "notes": (*result.plan.notes, *result.notes),
                "verify": facts,
            }
        )
    else:
        console.say(
            f"{result.output}: {result.frames_in} frames became {result.frames_out} in {result.seconds:.1f} s "
            f"({result.frames_out / result.seconds:.1f} per second); {len(result.verify.checks)} checks passed."
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


def announce(plan: "Plan") -> None:
    frames = "" if plan.frames_out is None else f"{plan.frames_out} frames of "
    console.say(f"{plan.network} x{plan.network_scale}: {frames}{plan.size[0]}x{plan.size[1]} to {plan.target}")
    for note in plan.notes:
        console.say(f"note: {note}")
