"""The loop learns, stops and goes on, and refuses what would be a silent wrong run."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import stvsr.training.loop as loop
from stvsr.errors import SettingsError, TrainingError
from stvsr.jobs.validate import validate
from stvsr.networks import NETWORKS
from stvsr.training.recipe import Cosine, Optimiser, Recipe, Stairs, with_settings
from stvsr.training.recipes import unison_s
from stvsr.training.rehearsal import made_up
from stvsr.training.step import forward


def read_log(folder: Path) -> EventAccumulator:
    log = EventAccumulator(str(folder))
    log.Reload()
    return log


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return torch.load(checkpoint / "network.pt", weights_only=True)["average"]


def test_the_same_seed_gives_the_same_weights_and_drawing_ahead_does_not_matter(tiny_recipe: Recipe, tmp_path: Path):
    first = weights(loop.train(tiny_recipe, tmp_path, tmp_path / "first", report=str))
    again = weights(loop.train(tiny_recipe, tmp_path, tmp_path / "again", ahead=0, report=str))
    other = weights(loop.train(replace(tiny_recipe, seed=2), tmp_path, tmp_path / "other", report=str))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_held_out_shots_are_measured_as_evaluations_are_and_shown(tiny_recipe: Recipe, tmp_path: Path):
    lines: list[str] = []
    loop.train(tiny_recipe, tmp_path, tmp_path / "run", validate=validate, validate_every=4, report=lines.append)
    assert lines[0].startswith("1 clips")
    told = [line for line in lines if "psnr_y_interpolated" in line]
    assert [line.split(":")[0] for line in told] == ["held-out shots at step 4", "held-out shots at step 6"]
    log = read_log(tmp_path / "run" / "log")
    assert len(log.Scalars("held_out/psnr_y")) == 2
    assert log.Tags()["images"] == ["held_out/1 input", "held_out/2 ours", "held_out/3 truth", "held_out/4 error"]


def test_a_checkpoint_of_another_recipe_is_refused(tiny_recipe: Recipe, tmp_path: Path):
    loop.train(tiny_recipe, tmp_path, tmp_path / "run", report=str)
    with pytest.raises(TrainingError, match="another recipe"):
        loop.train(replace(tiny_recipe, batch=1), tmp_path, tmp_path / "run", report=str)


@pytest.mark.parametrize("checkpoint_minutes", [0, 3])
def test_a_loss_that_is_not_finite_stops_the_run_and_leaves_no_broken_checkpoint(
    tiny_recipe: Recipe, tmp_path: Path, checkpoint_minutes: int
):
    wild = replace(tiny_recipe, optimiser=Optimiser(lr=float("inf"), warmup=1))
    with pytest.raises(TrainingError, match="The loss is"):
        loop.train(wild, tmp_path, tmp_path / "run", checkpoint_minutes=checkpoint_minutes, report=str)
    assert not (tmp_path / "run" / "checkpoint").exists()


def test_a_batch_that_processes_cannot_share_equally_is_refused(tiny_recipe: Recipe, tmp_path: Path):
    with pytest.raises(SettingsError, match="shared equally among 3"):
        loop.train(tiny_recipe, tmp_path, tmp_path / "run", processes=3, report=str)


def test_set_changes_a_field_by_its_type():
    recipe = with_settings(unison_s(2), ["optimiser.lr=2e-4", "steps=7"])
    assert (recipe.optimiser.lr, recipe.steps) == (2e-4, 7)
    assert not with_settings(recipe, ["flow=0"]).flow


@pytest.mark.parametrize("setting", ["steps", "stepps=3", "steps=many", "optimiser=3", "optimiser.lr.x=3", "flow=2"])
def test_set_refuses_what_the_recipe_does_not_have(setting: str):
    with pytest.raises(SettingsError, match="--set"):
        with_settings(unison_s(2), [setting])


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


def test_along_a_known_flow_the_networks_own_still_learns(tiny_recipe: Recipe, tmp_path: Path):
    usual = weights(loop.train(tiny_recipe, tmp_path, tmp_path / "usual", report=str))
    along = weights(loop.train(replace(tiny_recipe, known_flow=1.0), tmp_path, tmp_path / "along", report=str))
    fresh = weights(loop.train(replace(tiny_recipe, steps=0), tmp_path, tmp_path / "fresh", report=str))
    flow = [name for name in along if name.startswith("flow.")]
    assert not any(torch.equal(along[name], fresh[name]) for name in flow)
    assert not all(torch.equal(along[name], usual[name]) for name in along)


def test_a_network_without_a_flow_of_its_own_cannot_be_given_one():
    with pytest.raises(SettingsError, match="Bicubic has no flow"):
        forward(NETWORKS["bicubic"](scale=4), made_up(unison_s(2), torch.device("cpu")), along=True)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("stills=2", "share between 0 and 1"),
        ("flow=0", "known_flow=0"),
        ("optimiser.decay.hold=1", "less than 1"),
    ],
)
def test_shares_and_flows_that_cannot_be_are_refused(setting: str, said: str):
    with pytest.raises(SettingsError, match=said):
        with_settings(replace(unison_s(2), known_flow=0.5), [setting])


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
    late = Optimiser(lr=4e-4, decay=Cosine(lr_end=1e-6, hold=0.75), warmup=0)
    assert late.rate(step, 4000) == 4e-4
    assert late.rate(3000 + step, 4000) == pytest.approx(cosine.get_last_lr()[0], rel=1e-6)
