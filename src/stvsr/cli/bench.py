"""``stvsr bench``: how fast a network, or the operations that networks are made of, are on this machine."""

from dataclasses import asdict

import typer

from stvsr.cli import console
from stvsr.cli.options import Device, Precision
from stvsr.errors import SettingsError


def bench(
    network: str = typer.Argument(help="See `stvsr networks`; `ops` times the operations that they are made of."),
    size: str = typer.Option("180x144", help="Width x height of the input."),
    scale: int = typer.Option(4, help="Enlargement of width and height."),
    device: Device = typer.Option("auto", help="auto takes a GPU where there is one."),
    precision: Precision = typer.Option("auto", help="auto takes the fastest that the device is good at."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Time a network in turns with a plain convolution, which shows how much of the machine it uses."""
    width, height = width_and_height(size)
    if network == "ops":
        show_ops(width, height, device, as_json)
        return
    from stvsr.evaluation.speed import bench
    from stvsr.inference import RenderSettings

    settings = RenderSettings(device=device, precision=precision)
    speed = asdict(bench(network, width=width, height=height, scale=scale, settings=settings))
    if as_json:
        console.emit(speed)
    else:
        console.table(("", ""), [(name.replace("_", " "), str(value)) for name, value in speed.items()])


def show_ops(width: int, height: int, device: Device, as_json: bool) -> None:
    """Each operation as a multiple of a plain convolution; scale and precision do not apply."""
    from stvsr.evaluation.op_speed import bench_ops

    speed = asdict(bench_ops(width=width, height=height, device=device))
    if as_json:
        console.emit(speed)
        return
    rows = [
        (name, f"{1000 * op['seconds']:.1f}", f"{op['times_plain_convolution']:.2f}")
        for name, op in speed["ops"].items()
    ]
    console.table(("operation", "milliseconds", "x plain convolution"), rows)


def width_and_height(size: str) -> tuple[int, int]:
    parts = size.split("x")
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise SettingsError(f"{size!r} is not a size. Write width x height, such as 180x144.")
    return int(parts[0]), int(parts[1])
