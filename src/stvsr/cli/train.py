"""``stvsr train``."""

from dataclasses import asdict
from pathlib import Path

import typer

from stvsr.cli import console


def train(
    name: str = typer.Argument(help="The recipe: unison_s, unison_m, cycmunet, tp, stinet, mbnet, yogo_64."),
    data: Path = typer.Option(..., "--data", help="Folder with the clips and their footage.csv."),
    out: Path = typer.Option(None, "--out", help="Folder of the run; the default is runs/NAME."),
    minutes: float = typer.Option(None, "--minutes", help="Stop after so many minutes; the same command goes on."),
    initial: Path = typer.Option(None, "--initial", help="A weight file to start from, instead of fresh weights."),
    settings: list[str] = typer.Option([], "--set", help="field=value, such as optimiser.lr=2e-4."),
    compiled: bool = typer.Option(False, "--compile", help="Fuse small operations (pays on CUDA)."),
    processes: int = typer.Option(1, "--processes", help="Share each batch among so many processes."),
    overfit: bool = typer.Option(False, "--overfit", help="Only see whether the network can learn one batch by heart."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Train a network by a recipe. Run again with the same arguments to go on after a stop.

    The run's folder receives a checkpoint, a TensorBoard log, and at the end the weight file and its card.
    """
    from stvsr.training.run import overfit_recipe, run_recipe

    if overfit:
        learned = overfit_recipe(name, data, settings=settings, report=console.say)
        if as_json:
            console.emit({"recipe": name, **asdict(learned)})
        else:
            console.say(
                f"{learned.network}: {learned.start:.2f} dB at the start, {learned.end:.2f} dB after {learned.steps} "
                f"steps ({learned.seconds:.0f} s); bicubic {learned.bicubic:.2f} dB"
            )
        return
    folder = out or Path("runs") / name
    file = run_recipe(
        name,
        data,
        folder,
        settings=settings,
        minutes=minutes,
        initial=initial,
        compiled=compiled,
        processes=processes,
        report=console.say,
    )
    if as_json:
        console.emit({"recipe": name, "weights": str(file)})
    else:
        console.say(f"weights and card: {file}")
