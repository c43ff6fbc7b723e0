"""A recipe by its name, from footage to a published weight file."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from stvsr.errors import MissingExtraError, SettingsError, TrainingError


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
    try:
        from stvsr.training.loop import train
        from stvsr.training.publish import describe_machine, publish
        from stvsr.training.recipes import RECIPES, with_settings
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Training needs {error.name}, which is not installed. Install the extra: pip install 'stvsr[train]'."
        ) from error
    if name not in RECIPES:
        raise SettingsError(f"There is no recipe {name!r}. Choose one of: {', '.join(RECIPES)}.")
    recipe = with_settings(RECIPES[name](), settings)
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
