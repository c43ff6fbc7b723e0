"""What a run is given: cadences that fit, teachers that are there, films that are held out."""

from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric

import stvsr.data.flow as flow
from made_training import RECIPE, made_source
from stvsr.data.sampler import Cadence
from stvsr.data.stills import MixedSource
from stvsr.errors import TrainingError
from stvsr.training.material import Material, open_material
from stvsr.training.recipe import Recipe, with_settings
from stvsr.training.recipes import stages_of


def opened(recipe: Recipe, lines: list[str]) -> Material:
    return open_material(recipe, made_source(), Fabric(accelerator="cpu"), lines.append)


def test_cadences_that_the_footage_is_too_short_for_are_said_and_left_out():
    short, long = RECIPE.cadences[0], Cadence(keys=4, factor=8, probability=1.0)
    lines: list[str] = []
    assert opened(replace(RECIPE, cadences=(long, short)), lines).sampler.cadences == (short,)
    assert "No shot is long and large enough for 4 input frames with 7 between" in lines[0]
    with pytest.raises(TrainingError, match="No shot is long"):
        opened(replace(RECIPE, cadences=(long,)), lines)


def test_without_torchvision_the_teacher_is_the_classical_flow_and_that_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(flow, "find_spec", lambda _: None)
    lines: list[str] = []
    material = opened(with_settings(RECIPE, ["teacher=raft"]), lines)
    assert "classical flow (DIS) is the teacher" in lines[0]
    assert material.seen["teacher"] == "classical (DIS)"


def test_a_teacher_takes_the_place_of_flow_that_is_known():
    material = opened(RECIPE, [])
    sampler = material.sampler
    sampler.teacher = lambda keys: torch.full((len(keys) - 1, 2, 2, keys.shape[-2] // 4, keys.shape[-1] // 4), 8.0)
    batch = sampler.batch(0)
    assert batch.flow_forth is not None
    assert torch.equal(batch.flow_forth.abs(), torch.full_like(batch.flow_forth, 2.0))  # input pixels


def test_stills_and_masks_are_settings():
    recipe = with_settings(RECIPE, ["stills=1", "masked=0.5"])
    batch = opened(recipe, []).sampler.batch(0)
    hidden = (batch.clip == 0).all(2).float().mean()
    assert 0.3 < float(hidden) < 0.7
    assert batch.weight is not None
    assert isinstance(opened(replace(recipe, stills=0.5), []).sampler.source, MixedSource)


def test_the_papers_flip_turn_and_reverse_as_they_say():
    said = {name: stages_of(f"{name}_paper")[0].augmentation for name in ("cycmunet", "tp", "stinet", "mbnet", "yogo")}
    turning = {name for name, augmentation in said.items() if augmentation.turn}
    backwards = {name for name, augmentation in said.items() if augmentation.backwards}
    assert (turning, backwards) == ({"tp", "mbnet", "yogo"}, {"cycmunet"})


def test_papers_hold_nothing_of_their_list_out():
    lines: list[str] = []
    material = open_material(replace(RECIPE, hold_out=False), made_source(), Fabric(accelerator="cpu"), lines.append)
    assert material.held_out == []
    assert len(material.sampler.source.clips) == 2
