"""``stvsr plan``: what ``stvsr enhance`` would do, and what it would take."""

from dataclasses import asdict

import typer

from stvsr.cli import console, options


def plan(
    source: str = typer.Argument(help="A video file or a folder of pictures."),
    target: str | None = typer.Argument(None, help="By default beside the source."),
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
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Tell what `enhance` with the same options would do and take, and what ails the source.

    The source is read once from start to end; nothing is written but a short calibration in the user's cache.
    """
    settings = options.settings_from(locals())
    from stvsr.jobs.forecast import foresee

    plan, expected = foresee(source, target, settings)
    if as_json:
        facts = asdict(expected)
        names = ("target", "network", "network_scale", "size", "rate", "notes")
        console.emit({name: getattr(plan, name) for name in names} | facts)
        return
    e, views = expected, f", the mean of {plan.render.passes} views" if plan.render.passes > 1 else ""
    rows = [
        ("result", f"{e.frames_out} frames of {plan.size[0]}x{plan.size[1]}, to {plan.target}"),
        ("network", f"{plan.network} x{plan.network_scale}, {e.precision} on {e.device}{views}"),
        ("work", f"{e.frames_in} frames in {e.shots} shots: {e.segments} segments, {e.windows} windows"),
        ("tiles", f"{e.tiles} a frame" if e.tiles > 1 else "none: whole pictures"),
        ("time", f"about {e.seconds:.0f} s of computing" if e.seconds < 120 else f"about {e.seconds / 60:.0f} minutes"),
        ("memory", f"up to {e.memory_bytes / 1e6:.0f} MB beside the programs themselves"),
        ("disk", f"about {e.disk_bytes / 1e6:.0f} MB for the result, and a fifth more while it is made"),
        *(("found", finding) for finding in e.findings),
        *(("note", note) for note in plan.notes),
    ]
    console.table(("", ""), rows)
