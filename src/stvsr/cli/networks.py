"""``stvsr networks``: which there are, what they cost, which are ready."""

from dataclasses import asdict

import typer

from stvsr.cli import console


def networks(as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout.")) -> None:
    """List the networks: size, cost, scales, and whether trained weights are here.

    Cost: multiply-accumulates to turn four frames of 180x144 into seven enlarged ones.
    """
    from stvsr.networks import NETWORKS
    from stvsr.weights.overview import overview

    rows = [overview(name) for name in NETWORKS]
    if as_json:
        console.emit({"networks": [asdict(row) for row in rows]})
        return
    console.table(
        ("network", "parameters", "GMACs", "scales", "instants", "trained weights"),
        [
            (
                row.name,
                f"{row.parameters:,}",
                f"{row.macs / 1e9:.1f}",
                ", ".join(f"x{scale}" for scale in row.scales),
                row.instants,
                "none needed"
                if row.weights is None
                else ", ".join(f"x{file.scale}" for file in row.weights) or "none yet",
            )
            for row in rows
        ],
    )
