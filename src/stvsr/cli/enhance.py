"""``stvsr enhance``: one film in, one larger and smoother film out."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from stvsr.cli import console, options
from stvsr.errors import SettingsError

if TYPE_CHECKING:
    from stvsr.jobs.plan import Plan
    from stvsr.jobs.result import EnhanceResult


def enhance(
    source: str = typer.Argument(help="A video file, a folder of pictures, or - for y4m on standard input."),
    target: str | None = typer.Argument(None, help="By default beside the source: holiday.x4.60fps.mp4. - is stdout."),
    scale: options.Scale = None,
    height: options.Height = None,
    times: options.Times = None,
    fps: options.Fps = None,
    keep_fps: options.KeepFps = False,
    slow_motion: options.SlowMotion = 1,
    drop_duplicates: options.DropDuplicates = False,
    deinterlace: options.Deinterlace = False,
    network: options.Network = None,
    weights: options.Weights = None,
    allow_untrained: options.AllowUntrained = False,
    codec: options.Codec = None,
    quality: options.Quality = None,
    device: options.OnDevice = "auto",
    precision: options.InPrecision = "auto",
    tile: options.Tile = None,
    runtime: options.OnRuntime = "torch",
    passes: options.Passes = 1,
    segment: options.Segment = 120,
    overwrite: options.Overwrite = False,
    restart: options.Restart = False,
    cluster: str | None = typer.Option(None, help="Share the film out: auto, or HOST:PORT of a Ray cluster."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout, when all is done."),
) -> None:
    """Make a film larger and smoother: four times as wide and high, twice as many frames, unless told otherwise.

    Sound, subtitles, chapters and colours stay. The result gets its name only when it is finished and checked.
    Stopped, killed or out of room, the same command goes on where it was.
    """
    settings = options.settings_from(locals())
    if as_json and target == "-":
        raise SettingsError("Both the film and --json were asked to go to stdout. Give a file as TARGET.")
    from stvsr.jobs import run

    crew = None
    if cluster is not None:
        from stvsr.cluster import Cluster

        crew = Cluster(address=cluster, report=console.say)
    try:
        with console.Bar() as bar:
            result = run.enhance(
                source, target, settings, restart=restart, crew=crew, progress=bar.show, on_plan=announce
            )
    except KeyboardInterrupt as stopped:
        console.say(str(stopped) or "Nothing was finished yet.")
        raise
    for note in result.notes:
        console.say(f"note: {note}")
    if as_json:
        console.emit(facts(result))
    else:
        console.say(
            f"{result.output}: {result.frames_in} frames became {result.frames_out} in {result.seconds:.1f} s "
            f"({result.frames_out / result.seconds:.1f} per second); {len(result.verify.checks)} checks passed."
        )


def announce(plan: "Plan") -> None:
    frames = "" if plan.frames_out is None else f"{plan.frames_out} frames of "
    console.say(f"{plan.network} x{plan.network_scale}: {frames}{plan.size[0]}x{plan.size[1]} to {plan.target}")
    for note in plan.notes:
        console.say(f"note: {note}")


def facts(result: "EnhanceResult") -> dict[str, Any]:
    """What ``--json`` tells of a finished film."""
    return {
        "output": result.output,
        "frames_in": result.frames_in,
        "frames_out": result.frames_out,
        "seconds": result.seconds,
        "network": result.plan.network,
        "notes": (*result.plan.notes, *result.notes),
        "verify": {"ok": result.verify.ok, "checks": [asdict(check) for check in result.verify.checks]},
    }
