"""``stvsr evaluate``: how good a network is, in numbers."""

from pathlib import Path

import typer

from stvsr.cli import console
from stvsr.cli.options import Device, Precision


def evaluate(
    suite: str = typer.Argument(help="vid4, or folder for clips of your own."),
    data: Path = typer.Option(help="The folder that holds the suite's frames."),
    network: list[str] = typer.Option(["bicubic"], help="See `stvsr networks`; give it again to compare several."),
    scale: int = typer.Option(4, help="Enlargement of width and height."),
    weights: Path | None = typer.Option(None, help="A weight file of your own, for the one network given."),
    allow_untrained: bool = typer.Option(
        False, "--allow-untrained", help="Use random weights where there are no trained ones: only to see it run."
    ),
    without: str | None = typer.Option(None, help="Switch a part of the network off first, such as flow."),
    device: Device = typer.Option("auto", help="auto takes a GPU where there is one."),
    precision: Precision = typer.Option("fp32", help="fp32 gives the same numbers everywhere."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Shrink known clips, drop every second frame, render them back, and compare with the originals.

    The field's protocol: MATLAB bicubic, windows of four key frames becoming seven, PSNR and SSIM on luma.
    """
    from stvsr.evaluation.suites import evaluate_suite
    from stvsr.evaluation.tables import HEADINGS, as_rows
    from stvsr.evaluation.tables import as_json as as_object
    from stvsr.inference import RenderSettings
    from stvsr.weights.catalog import UNTRAINED, load_network, ready_scales

    settings = RenderSettings(device=device, precision=precision)
    networks = [(name, load_network(name, scale, weights=weights, allow_untrained=allow_untrained)) for name in network]
    for name in network:
        if weights is None and scale not in ready_scales(name):
            console.say(f"WARNING: {UNTRAINED.format(name=name)}")
    with console.Share() as share:
        result = evaluate_suite(suite, data, networks, without=without, settings=settings, progress=share.show)
    if as_json:
        console.emit(as_object(result))
    else:
        console.table(HEADINGS, as_rows(result))
