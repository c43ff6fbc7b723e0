"""The loop learns, stops and goes on, and refuses what would be a silent wrong run."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import stvsr.training.loop as loop
from stvsr.data.footage import Shot
from stvsr.data.sampler import Cadence
from stvsr.errors import SettingsError, TrainingError
from stvsr.networks.unison import Unison, UnisonConfig
from stvsr.ops.resize import resize
from stvsr.training.recipes import Optimiser, Recipe, unison_s, with_settings

TINY = UnisonConfig(width=8, encoder_blocks=1, backward_blocks=1, forward_blocks=1, flow_width=8)
RECIPE = Recipe(
    network="tiny",
    scale=4,
    steps=6,
    batch=2,
    crop=16,
    precision="32-true",
    cadences=(Cadence(keys=3, factor=2, probability=1.0),),
    optimiser=Optimiser(warmup=2),
    held_out=("held",),
)


@pytest.fixture(autouse=True)
def gliding_footage(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    large = resize(torch.rand(1, 3, 40, 80), 4).clamp(0, 1).mul(255).byte()
    frames = torch.cat([large[..., 16:144, 100 - 4 * i : 228 - 4 * i] for i in range(12)])
    shots = [Shot(name=name, frames=frames, share=1.0) for name in ("kept", "held")]
    monkeypatch.setattr(loop, "read_footage", lambda folder: shots)
    monkeypatch.setitem(loop.NETWORKS, "tiny", lambda scale: Unison(replace(TINY, scale=scale)))


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint / "network.pt", weights_only=True)["average"]


def test_a_stopped_run_goes_on_to_the_same_weights_as_one_that_was_not_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = weights(loop.train(RECIPE, tmp_path, tmp_path / "whole", report=lambda line: None))

    real, calls = loop.unison_loss, []

    def killed_at_the_fourth_step(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "unison_loss", killed_at_the_fourth_step)
    with pytest.raises(KeyboardInterrupt):
        loop.train(RECIPE, tmp_path, tmp_path / "cut", checkpoint_minutes=0, report=lambda line: None)
    assert torch.load(tmp_path / "cut" / "checkpoint" / "network.pt", weights_only=True)["step"] == 3
    resumed = weights(loop.train(RECIPE, tmp_path, tmp_path / "cut", report=lambda line: None))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_it_reports_the_quality_and_the_flow_on_held_out_shots(tmp_path: Path):
    lines: list[str] = []
    loop.train(RECIPE, tmp_path, tmp_path / "run", report=lines.append)
    assert "1 shots" in lines[0]
    assert "psnr_between" in lines[-1]
    assert "flow_length" in lines[-1]
    assert list((tmp_path / "run" / "log").iterdir())


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path):
    loop.train(RECIPE, tmp_path, tmp_path / "run", report=lambda line: None)
    with pytest.raises(TrainingError, match="another recipe"):
        loop.train(replace(RECIPE, batch=1), tmp_path, tmp_path / "run", report=lambda line: None)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path):
    wild = replace(RECIPE, optimiser=Optimiser(lr=float("inf"), warmup=1))
    with pytest.raises(TrainingError, match="The loss is"):
        loop.train(wild, tmp_path, tmp_path / "run", report=lambda line: None)


def test_set_changes_a_field_by_its_type():
    recipe = with_settings(unison_s(), ["optimiser.lr=2e-4", "steps=7"])
    assert (recipe.optimiser.lr, recipe.steps) == (2e-4, 7)


@pytest.mark.parametrize("setting", ["steps", "stepps=3", "steps=many", "optimiser=3", "optimiser.lr.x=3"])
def test_set_refuses_what_the_recipe_does_not_have(setting: str):
    with pytest.raises(SettingsError, match="--set"):
        with_settings(unison_s(), [setting])
