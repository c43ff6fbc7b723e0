"""``stvsr train``."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from stvsr.cli import console
from stvsr.errors import SettingsError


def train(
    name: str = typer.Argument(
        help="The recipe: unison_s, unison_m, cycmunet, tp, stinet, mbnet, yogo_64, and the papers' own: yogo_paper ..."
        " Or a weight file: once more what made it."
    ),
    data: Path = typer.Option(None, "--data", help="Footage with its table, Vimeo-90K, frames, videos, or a pack."),
    out: Path = typer.Option(None, "--out", help="Folder of the run; the default is runs/NAME."),
    minutes: float = typer.Option(None, "--minutes", help="Stop after so many minutes; the same command goes on."),
    initial: Path = typer.Option(None, "--initial", help="A weight file to start from, instead of fresh weights."),
    settings: list[str] = typer.Option([], "--set", help="field=value, such as optimiser.lr=2e-4."),
    compiled: bool = typer.Option(False, "--compile", help="Fuse small operations (pays on CUDA)."),
    processes: int = typer.Option(1, "--processes", help="Share each batch among so many processes."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only show the recipe in full, and what it will take."),
    overfit: bool = typer.Option(False, "--overfit", help="Only see whether the network can learn one batch by heart."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Train a network by a recipe. Run again with the same arguments to go on after a stop.

    The run's folder receives a checkpoint, a TensorBoard log, and at the end the weight file and its card.
    """
    from stvsr.jobs.validate import validate
    from stvsr.training.run import overfit_recipe, rehearse_recipe, run_recipe

    if dry_run:
        stages = rehearse_recipe(name, settings=settings)
        if as_json:
            shown = [{"recipe": recipe, **asdict(will_take)} for recipe, will_take in stages]
            console.emit({"recipe": name, "stages": shown})
            return
        for recipe, will_take in stages:
            console.table(("", ""), [*flat(recipe), *flat(asdict(will_take))])
        return
    if data is None:
        raise SettingsError("There is nothing to train on. Give a folder of clips with --data.")
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
    folder = out or Path("runs") / Path(name).stem
    file = run_recipe(
        name,
        data,
        folder,
        settings=settings,
        minutes=minutes,
        initial=initial,
        compiled=compiled,
        processes=processes,
        validate=validate,
        report=console.say,
    )
    if as_json:
        console.emit({"recipe": name, "weights": str(file)})
    else:
        console.say(f"weights and card: {file}")


def flat(fields: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested fields as rows, by the names that --set takes."""
    for name, value in fields.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", str(value)
