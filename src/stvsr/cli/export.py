"""``stvsr export``: a network as a file for other programs."""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import typer

from stvsr.cli import console
from stvsr.cli.bench import width_and_height
from stvsr.errors import OutputError, SettingsError


def export(
    network: str = typer.Argument(help="See `stvsr networks`."),
    out: Path = typer.Argument(help="The file to write, such as unison.onnx; it must not be there yet."),
    scale: int = typer.Option(4, help="Enlargement of width and height."),
    frames: int | None = typer.Option(None, help="Input frames at once (default: 2, or the fewest it takes)."),
    times: str | None = typer.Option(
        None, help="Instants to render, in input frames, such as 0,1/2,1 (default: every half frame, or its own step)."
    ),
    size: str = typer.Option("dynamic", help="Width x height of the input, such as 320x180; or left free."),
    format: Literal["onnx", "torch"] = typer.Option("onnx", help="ONNX, or PyTorch's exported program (.pt2)."),
    weights: Path | None = typer.Option(None, help="A weight file of your own."),
    allow_untrained: bool = typer.Option(False, "--allow-untrained", help="Random weights where there are no others."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Write a network to a file for other programs, run the file, and compare it with PyTorch."""
    if out.exists():
        raise OutputError(f"{out} is there already. Give another name.")
    from stvsr.inference.export import export
    from stvsr.weights.catalog import load_network

    width, height = (0, 0) if size == "dynamic" else width_and_height(size)
    report = export(
        load_network(network, scale, weights=weights, allow_untrained=allow_untrained),
        out,
        frames=frames,
        times=instants(times) if times else None,
        size=None if size == "dynamic" else (height, width),
        format=format,
    )
    sizes = [f"{across}x{down}" for down, across in report.sizes]
    if as_json:
        console.emit(
            {
                "output": report.path,
                "frames": report.frames,
                "times": report.times,
                "checked_sizes": sizes,
                "largest_difference": report.largest_difference,
            }
        )
    else:
        console.say(
            f"{report.path}: {report.frames} frames in, {len(report.times)} out. At {' and '.join(sizes)} it differs "
            f"from PyTorch by {report.largest_difference:.1e} at most."
        )


def instants(text: str) -> list[Fraction]:
    """The instants of ``0,1/2,1``."""
    try:
        return [Fraction(part) for part in text.split(",")]
    except (ValueError, ZeroDivisionError) as error:
        raise SettingsError(f"{text!r} is not a list of instants. Try 0,1/2,1.") from error
