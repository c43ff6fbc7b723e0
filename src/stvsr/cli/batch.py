"""``stvsr batch``: many films, one after another."""

from dataclasses import asdict
from pathlib import Path

import typer

from stvsr.cli import console, options
from stvsr.errors import SettingsError


def batch(
    sources: list[str] = typer.Argument(
        help="Films, folders of films, patterns such as 'tapes/*.avi', job files (.jsonl)."
    ),
    to: Path | None = typer.Option(None, help="The folder for the results (default: each beside its source)."),
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
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout, when all is done."),
) -> None:
    """Enhance many films as `enhance` would. A bad one stops no other; after a break the same command goes on.

    Leaves with 0 only if every film is done.
    """
    given = dict(locals())
    from stvsr.jobs.batch import run_batch, tasks_of

    def settings_for(changes):
        unknown = sorted(set(changes) - set(given))
        if unknown:
            raise SettingsError(f"The job file asks for {', '.join(unknown)}, which enhance does not know.")
        rate = {"fps": str(changes["fps"])} if changes.get("fps") is not None else {}
        return options.settings_from({**given, **changes, **rate})

    tasks = tasks_of(sources)
    results = []
    with console.Bar() as bar:
        run = run_batch(tasks, settings_for, folder=to, restart=restart, progress=bar.show)
        for number, result in enumerate(run, start=1):
            results.append(result)
            console.say(f"{number}/{len(tasks)} {result.source}: {result.error or f'{result.status}, {result.target}'}")
    failed = sum(result.status == "failed" for result in results)
    if as_json:
        console.emit({"ok": not failed, "films": [asdict(result) for result in results]})
    else:
        console.say(
            f"{len(results) - failed} of {len(results)} films are done{f', {failed} failed' if failed else ''}."
        )
    if failed:
        raise typer.Exit(1)
