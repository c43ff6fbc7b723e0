"""``stvsr preview``: a page on which to judge the networks before hours of work."""

from dataclasses import asdict
from pathlib import Path

import typer

from stvsr.cli import console
from stvsr.cli.options import Device, Precision


def preview(
    source: Path = typer.Argument(help="A video file or a folder of pictures."),
    output: Path | None = typer.Option(None, "--output", "-o", help="The page (default: holiday.preview.html)."),
    scale: int = typer.Option(4, help="Enlarge width and height, 1 to 8."),
    times: int = typer.Option(2, help="Frames out for each frame in."),
    shots: int = typer.Option(3, help="Show the hardest so many shots, two seconds of each at most."),
    network: list[str] = typer.Option([], help="Only these networks (default: those made for films)."),
    device: Device = typer.Option("auto", help="auto takes a GPU where there is one."),
    precision: Precision = typer.Option("auto", help="auto takes the fastest that the device is good at."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Render the hardest seconds of a film by several networks, on one page that needs nothing else."""
    from stvsr.inference import RenderSettings
    from stvsr.jobs.preview import PreviewSettings, preview

    settings = PreviewSettings(
        scale=scale,
        times=times,
        shots=shots,
        networks=tuple(network),
        render=RenderSettings(device=device, precision=precision),
    )
    result = preview(source, output, settings, say=console.say)
    if as_json:
        console.emit(asdict(result))
    else:
        console.say(f"{result.output}: {len(result.moments)} shots, {result.bytes / 1e6:.1f} MB. Open it in a browser.")
