"""A recipe by its name, from footage to a published weight file."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from stvsr.errors import MissingExtraError, TrainingError

if TYPE_CHECKING:
    from stvsr.training.overfit import Overfitting


def run_recipe(
    name: str,
    data: Path,
    out: Path,
    *,
    settings: Sequence[str] = (),
    minutes: float | None = None,
    initial: Path | None = None,
    compiled: bool = False,
    processes: int = 1,
    report: Callable[[str], None] = print,
) -> Path:
    """Train by the recipe with ``settings`` (field=value) applied, and write weights and card into ``out``.

    Raises SettingsError for an unknown recipe or field, TrainingError for data or a run that cannot go on,
    MissingExtraError where the training extra is not installed.
    """
    with training_extra():
        from stvsr.training.loop import train
        from stvsr.training.publish import describe_machine, publish
        from stvsr.training.recipes import recipe_of, with_settings
    recipe = with_settings(recipe_of(name), settings)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TrainingError(f"Cannot write the run to {out}: {error}. Choose another --out.") from error
    checkpoint = train(
        recipe,
        data,
        out,
        minutes=minutes or math.inf,
        initial=initial,
        compiled=compiled,
        processes=processes,
        report=report,
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    history = f"started from {initial.name}" if initial else ""
    return publish(checkpoint, recipe, data, out, describe_machine(device), history=history)


def overfit_recipe(
    name: str, data: Path, *, settings: Sequence[str] = (), report: Callable[[str], None] = print
) -> "Overfitting":
    """Can the recipe's network learn one batch by heart? Raises as ``run_recipe``."""
    with training_extra():
        from stvsr.training.overfit import for_overfitting, overfit
        from stvsr.training.recipes import recipe_of, with_settings
    return overfit(with_settings(for_overfitting(recipe_of(name)), settings), data, report=report)


@contextmanager
def training_extra() -> Iterator[None]:
    """Say which extra is missing, where one is."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Training needs {error.name}, which is not installed. Install the extra: pip install 'stvsr[train]'."
        ) from error
