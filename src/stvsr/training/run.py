"""A recipe by its name, from footage to a published weight file."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from stvsr.errors import MissingExtraError, TrainingError

if TYPE_CHECKING:
    from stvsr.data.source import Source
    from stvsr.training.loop import Validate
    from stvsr.training.overfit import Overfitting
    from stvsr.training.rehearsal import Rehearsal


def run_recipe(
    name: str,
    data: "Path | Source",
    out: Path,
    *,
    settings: Sequence[str] = (),
    minutes: float | None = None,
    initial: Path | None = None,
    compiled: bool = False,
    processes: int = 1,
    validate: "Validate | None" = None,
    report: Callable[[str], None] = print,
) -> Path:
    """Train by the recipe with ``settings`` (field=value) applied, and write weights and card into ``out``.

    name: see ``recipes.stages_of``; the path of a weight file repeats the run that made it.
    A training in several stages has a folder for each but the last; ``minutes`` is for all that are left to do.
    validate: measures the network on what is held out (``stvsr.jobs.validate``).
    Raises SettingsError for an unknown recipe or field, WeightsError for a file without one, TrainingError for data or
    a run that cannot go on, MissingExtraError where the training extra is not installed.
    """
    with training_extra():
        from stvsr.training.checkpoint import Checkpoint
        from stvsr.training.loop import train
        from stvsr.training.publish import describe_machine, publish
        from stvsr.training.recipes import stages_of
    stages = stages_of(name, settings)
    for plain, recipe in zip(stages_of(name), stages, strict=True):
        if plain.perceptual.weight and not recipe.perceptual.weight:
            report(f"WITHOUT THE PERCEPTUAL TERM (weight {plain.perceptual.weight:g}): this is not the paper's recipe")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"Cannot write the run to {out}: {error}. Choose another --out.") from error
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    started, source = time.monotonic(), initial
    for number, recipe in enumerate(stages, 1):
        folder = out if number == len(stages) else out / f"stage{number}"
        checkpoint = Checkpoint(folder, recipe)
        if checkpoint.spent().step < recipe.steps:
            train(
                recipe,
                data,
                folder,
                minutes=math.inf if minutes is None else max(minutes - (time.monotonic() - started) / 60, 0),
                initial=source,
                compiled=compiled,
                processes=processes,
                validate=validate,
                report=report,
            )
        history = f"started from {source.name} (SHA-256 {sha256(source.read_bytes()).hexdigest()})" if source else ""
        source = publish(checkpoint, folder, describe_machine(device), history=history)
        if checkpoint.spent().step < recipe.steps:
            report(f"stopped in stage {number} of {len(stages)}: run the same command again to go on")
            break
    assert source is not None
    return source


def overfit_recipe(
    name: str, data: Path, *, settings: Sequence[str] = (), report: Callable[[str], None] = print
) -> "Overfitting":
    """Can the network of the recipe's last stage learn one batch by heart? Raises as ``run_recipe``."""
    with training_extra():
        from stvsr.training.overfit import for_overfitting, overfit
        from stvsr.training.recipe import with_settings
        from stvsr.training.recipes import stages_of
    return overfit(with_settings(for_overfitting(stages_of(name)[-1]), settings), data, report=report)


def rehearse_recipe(name: str, *, settings: Sequence[str] = ()) -> list[tuple[dict[str, Any], "Rehearsal"]]:
    """For each stage the recipe, all fields resolved, and what it will take here. Raises as ``run_recipe``."""
    with training_extra():
        from stvsr.training.recipes import stages_of
        from stvsr.training.rehearsal import rehearse
    return [(asdict(recipe), rehearse(recipe)) for recipe in stages_of(name, settings)]


@contextmanager
def training_extra() -> Iterator[None]:
    """Say which extra is missing, where one is."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Training needs {error.name}, which is not installed. Install the extra: pip install 'stvsr[train]'."
        ) from error
