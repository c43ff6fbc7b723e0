"""``stvsr bench``: how fast a network is on this machine."""

from dataclasses import asdict

import typer

from stvsr.cli import console
from stvsr.cli.options import Device, Precision
from stvsr.errors import SettingsError


def bench(
    network: str = typer.Argument(help="See `stvsr networks`."),
    size: str = typer.Option("180x144", help="Width x height of the input."),
    scale: int = typer.Option(4, help="Enlargement of width and height."),
    device: Device = typer.Option("auto", help="auto takes a GPU where there is one."),
    precision: Precision = typer.Option("auto", help="auto takes the fastest that the device is good at."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Time a network in turns with a plain convolution, which shows how much of the machine it uses."""
    from stvsr.evaluation.speed import bench
    from stvsr.inference import RenderSettings

    width, height = width_and_height(size)
    settings = RenderSettings(device=device, precision=precision)
    speed = asdict(bench(network, width=width, height=height, scale=scale, settings=settings))
    if as_json:
        console.emit(speed)
    else:
        console.table(("", ""), [(name.replace("_", " "), str(value)) for name, value in speed.items()])


def width_and_height(size: str) -> tuple[int, int]:
    parts = size.split("x")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise SettingsError(f"{size!r} is not a size. Write width x height, such as 180x144.")
    return int(parts[0]), int(parts[1])
