"""From a recipe's name to a weight file that loads, and a card that says where it comes from."""

from pathlib import Path

import pytest
import torch

from stvsr.errors import SettingsError
from stvsr.training.recipes import Recipe
from stvsr.training.run import run_recipe
from stvsr.weights.files import load_weights

TABLE = "file,source,licence,quality,shots,crop\ntrain/kept.mp4,somebody,CC BY 4.0,5,,\ntrain/held.mp4,nobody,CC0,5,,\n"


def test_a_run_ends_with_weights_that_load_and_a_card_with_the_licences(tiny_recipe: Recipe, tmp_path: Path):
    (tmp_path / "footage.csv").write_text(TABLE)
    file = run_recipe("tiny", tmp_path, tmp_path / "run", settings=["steps=3"], report=str)
    held = load_weights(file)
    trained = torch.load(tmp_path / "run" / "checkpoint" / "network.pt", weights_only=True)["average"]
    assert (held.network, held.scale, held.card["steps"]) == (tiny_recipe.network, 4, "3")
    assert all(torch.allclose(held.tensors[name], trained[name], atol=1e-3) for name in trained)
    card = file.with_suffix(".md").read_text()
    assert "| somebody | CC BY 4.0 | 1 |" in card
    assert "nobody" not in card  # held out, so never trained on


def test_a_run_can_start_from_a_weight_file(tiny_recipe: Recipe, tmp_path: Path):
    (tmp_path / "footage.csv").write_text(TABLE)
    first = run_recipe("tiny", tmp_path, tmp_path / "first", report=str)
    still = ["steps=1", "optimiser.lr=0", "optimiser.decay.lr_end=0"]
    second = run_recipe("tiny", tmp_path, tmp_path / "second", settings=still, initial=first, report=str)
    before, after = load_weights(first), load_weights(second)
    assert all(torch.equal(before.tensors[name], after.tensors[name]) for name in before.tensors)
    assert "started from tiny-x4.safetensors" in after.card["history"]
    assert tiny_recipe.network == after.network


def test_an_unknown_recipe_is_refused_with_the_list(tmp_path: Path):
    with pytest.raises(SettingsError, match="unison_s"):
        run_recipe("unison_xl", tmp_path, tmp_path / "run")
