"""The loop learns, stops and goes on, and refuses what would be a silent wrong run."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import stvsr.training.loop as loop
from stvsr.errors import SettingsError, TrainingError
from stvsr.training.recipe import Cosine, Optimiser, Recipe, Stairs, with_settings
from stvsr.training.recipes import unison_s


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint / "network.pt", weights_only=True)["average"]


def test_a_stopped_run_goes_on_to_the_same_weights_as_one_that_was_not_stopped(
    tiny_recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = weights(loop.train(tiny_recipe, tmp_path, tmp_path / "whole", report=str))

    real, calls = loop.Sampler.batch, []

    def killed_at_the_fourth_step(sampler: loop.Sampler, step: int):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(sampler, step)

    monkeypatch.setattr(loop.Sampler, "batch", killed_at_the_fourth_step)
    with pytest.raises(KeyboardInterrupt):
        loop.train(tiny_recipe, tmp_path, tmp_path / "cut", checkpoint_minutes=0, report=str)
    assert torch.load(tmp_path / "cut" / "checkpoint" / "network.pt", weights_only=True)["step"] == 3
    resumed = weights(loop.train(tiny_recipe, tmp_path, tmp_path / "cut", report=str))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_it_reports_the_quality_and_the_flow_on_held_out_shots(tiny_recipe: Recipe, tmp_path: Path):
    lines: list[str] = []
    loop.train(tiny_recipe, tmp_path, tmp_path / "run", report=lines.append)
    assert "1 clips" in lines[0]
    assert "psnr_between" in lines[-1]
    assert "flow_length" in lines[-1]
    assert list((tmp_path / "run" / "log").iterdir())


def test_a_checkpoint_of_another_recipe_is_refused(tiny_recipe: Recipe, tmp_path: Path):
    loop.train(tiny_recipe, tmp_path, tmp_path / "run", report=str)
    with pytest.raises(TrainingError, match="another recipe"):
        loop.train(replace(tiny_recipe, batch=1), tmp_path, tmp_path / "run", report=str)


def test_a_loss_that_is_not_finite_stops_the_run(tiny_recipe: Recipe, tmp_path: Path):
    wild = replace(tiny_recipe, optimiser=Optimiser(lr=float("inf"), warmup=1))
    with pytest.raises(TrainingError, match="The loss is"):
        loop.train(wild, tmp_path, tmp_path / "run", report=str)


def test_set_changes_a_field_by_its_type():
    recipe = with_settings(unison_s(), ["optimiser.lr=2e-4", "steps=7"])
    assert (recipe.optimiser.lr, recipe.steps) == (2e-4, 7)


@pytest.mark.parametrize("setting", ["steps", "stepps=3", "steps=many", "optimiser=3", "optimiser.lr.x=3"])
def test_set_refuses_what_the_recipe_does_not_have(setting: str):
    with pytest.raises(SettingsError, match="--set"):
        with_settings(unison_s(), [setting])


def test_a_batch_in_parts_gives_the_gradients_of_the_whole(tiny_recipe: Recipe, tmp_path: Path):
    whole = weights(loop.train(tiny_recipe, tmp_path, tmp_path / "whole", report=str))
    parts = weights(loop.train(replace(tiny_recipe, accumulate=2), tmp_path, tmp_path / "parts", report=str))
    assert all(torch.allclose(whole[name], parts[name], atol=2e-5) for name in whole)


def test_only_the_named_parts_learn(tiny_recipe: Recipe, tmp_path: Path):
    recipe = replace(tiny_recipe, parts=("flow", "head"), optimiser=Optimiser(warmup=1, ema=0))
    before = weights(loop.train(replace(recipe, steps=0), tmp_path, tmp_path / "fresh", report=str))
    after = weights(loop.train(recipe, tmp_path, tmp_path / "run", report=str))
    changed = {name.split(".")[0] for name in after if not torch.equal(before[name], after[name])}
    assert changed == {"flow", "head"}
    with pytest.raises(SettingsError, match="no part 'eyes'"):
        loop.train(replace(tiny_recipe, parts=("eyes",)), tmp_path, tmp_path / "none", report=str)


@pytest.mark.parametrize("step", [0, 5, 19, 20, 399, 400, 1000])
def test_the_rate_is_the_one_pytorch_schedules(step: int):
    weight = torch.nn.Parameter(torch.zeros(1))
    adam = torch.optim.Adamax([weight], lr=4e-4)
    stairs = torch.optim.lr_scheduler.StepLR(adam, step_size=20, gamma=0.1)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.Adam([weight], lr=4e-4), T_max=1000, eta_min=1e-6)
    for scheduler in (stairs, cosine):
        for _ in range(step):
            scheduler.optimizer.step()
            scheduler.step()
    ours = Optimiser(kind="adamax", lr=4e-4, decay=Stairs(every=20, factor=0.1), warmup=0)
    assert ours.rate(step, 1000) == pytest.approx(stairs.get_last_lr()[0])
    ours = Optimiser(lr=4e-4, decay=Cosine(lr_end=1e-6), warmup=0)
    assert ours.rate(step, 1000) == pytest.approx(cosine.get_last_lr()[0], rel=1e-6)
