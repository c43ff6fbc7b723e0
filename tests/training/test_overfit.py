"""Referee: the bicubic network on the same batch."""

from dataclasses import replace
from pathlib import Path

import pytest

from stvsr.errors import TrainingError
from stvsr.training.overfit import for_overfitting, overfit
from stvsr.training.recipe import Recipe


def test_a_sound_network_learns_one_batch_by_heart(tiny_recipe: Recipe, tmp_path: Path):
    learned = overfit(replace(for_overfitting(tiny_recipe), steps=45), tmp_path, report=str)
    assert learned.start == pytest.approx(learned.bicubic, abs=0.5)  # Unison starts close to bicubic
    assert learned.end > learned.bicubic + 0.3
    assert len(learned.curve) == 6  # before steps 0, 10, ... 40, and at the end
    assert learned.curve[-1] == learned.end


def test_a_loss_that_is_no_number_is_said(tiny_recipe: Recipe, tmp_path: Path):
    recipe = for_overfitting(tiny_recipe)
    broken = replace(recipe, losses=replace(recipe.losses, base=float("nan")))
    with pytest.raises(TrainingError, match="loss is nan at step 0"):
        overfit(broken, tmp_path, report=str)
