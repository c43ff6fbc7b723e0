"""Batches: the same for the same step, and true to the footage however they are flipped, turned and reversed."""

from copy import copy
from dataclasses import fields
from itertools import islice

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stvsr.data.degrade import shrink
from stvsr.data.footage import Shot
from stvsr.data.masking import Masking
from stvsr.data.memory import ShotSource
from stvsr.data.sampler import Augmentation, Batch, Cadence, Sampler
from stvsr.data.source import ClipSource
from stvsr.errors import SettingsError, TrainingError
from stvsr.ops.resize import resize
from stvsr.ops.warp import backward_warp

CADENCES = (Cadence(keys=3, factor=2, probability=0.5), Cadence(keys=2, factor=3, probability=0.5))


def make(source, cadences=CADENCES, **changes) -> Sampler:
    usual = {"scale": 4, "crop": 16, "batch_size": 4, "seed": 3, "device": torch.device("cpu")}
    return Sampler(source, cadences, **(usual | changes))


@pytest.fixture(scope="module")
def sampler() -> Sampler:
    """A texture that glides by (4, 0) pixels a frame: at x1/4 and two frames apart, a flow of (2, 0)."""
    random = np.random.default_rng(0)
    texture = torch.from_numpy(random.random((1, 3, 16, 32))).float()
    large = resize(texture, 10).clamp(0, 1).mul(255).byte()
    frames = torch.cat([large[..., 16:144, 100 - 4 * i : 228 - 4 * i] for i in range(12)])
    shot = Shot(name="glide", frames=frames, share=1.0)
    return Sampler([shot], CADENCES, scale=4, crop=16, batch_size=8, seed=3, device=torch.device("cpu"))


def test_a_batch_depends_on_seed_and_step_alone(sampler: Sampler):
    first, again, other = sampler.batch(7), sampler.batch(7), sampler.batch(8)
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.flow_forth, again.flow_forth)
    assert first.frames.shape != other.frames.shape or not torch.equal(first.frames, other.frames)


def test_shapes_follow_the_cadence(sampler: Sampler):
    seen = set()
    for step in range(12):
        batch = sampler.batch(step)
        seen.add(batch.cadence)
        instants = len(batch.cadence.times)
        assert batch.clip.shape == (8, batch.cadence.keys, 3, 16, 16)
        assert batch.frames.shape == (8, instants, 3, 64, 64)
        assert batch.small_frames.shape == (8, instants, 3, 16, 16)
    assert seen == set(CADENCES)


def whole(glide) -> ShotSource:
    return ShotSource(clips=[Shot(name="whole", frames=glide(7, 64, 64), share=1.0)])


def still(held, glide, **fields) -> ClipSource:
    """One clip of just the size of a crop, so that every batch shows all of it."""
    return ClipSource(name="x", clips=[held("a", glide(7, 64, 64, **fields))], report=str)


@pytest.mark.parametrize("source_of", [lambda _, glide: whole(glide), still])
def test_the_input_is_the_whole_frame_made_small_even_at_its_border(held, glide, source_of):
    batch = make(source_of(held, glide), CADENCES[:1]).batch(0)
    small = shrink(batch.frames, 4)
    assert torch.equal(batch.small_frames, small)
    assert torch.equal(batch.clip, small[:, ::2])


def test_the_flow_turns_with_the_pictures(sampler: Sampler):
    """However a clip was flipped, turned or reversed, its flow brings the next input frame onto this one."""
    for step in range(8):
        batch = sampler.batch(step)
        here, there = batch.clip[:, 0], batch.clip[:, 1]
        moved = backward_warp(there, batch.flow_forth[:, 0])
        inside = (..., slice(4, -4), slice(4, -4))
        still_error = F.mse_loss(here[inside], there[inside])
        assert F.mse_loss(here[inside], moved[inside]) < 0.2 * still_error


def test_processes_side_by_side_share_the_batch_that_one_would_draw(sampler: Sampler):
    together = sampler.batch(3)
    shares = []
    for process in range(2):
        part = copy(sampler)
        part.items = range(process, 8, 2)
        shares.append(part.batch(3))
    assert torch.equal(together.frames[0::2], shares[0].frames)
    assert torch.equal(together.flow_back[1::2], shares[1].flow_back)


def equal(one: Batch, other: Batch) -> bool:
    pairs = [(getattr(one, field.name), getattr(other, field.name)) for field in fields(Batch)]
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def test_batches_drawn_ahead_are_the_same(sampler: Sampler):
    ahead = list(islice(sampler.batches(5, ahead=3), 6))
    assert all(equal(batch, sampler.batch(5 + number)) for number, batch in enumerate(ahead))
    assert equal(next(sampler.batches(7)), ahead[2])


def test_what_was_not_asked_for_is_none(held, glide):
    batch = make(still(held, glide)).batch(0)
    assert (batch.flow_forth, batch.flow_back, batch.weight) == (None, None, None)


def test_the_flow_that_is_asked_for_is_that_of_the_frames(held, glide):
    """4 large pixels a frame, every second frame a key: 2 input pixels."""
    keep = Augmentation(mirror=False, upside_down=False, turn=False, backwards=False)
    source = ClipSource(name="x", clips=[held("a", glide(7, 112, 128))])
    batch = make(source, CADENCES[:1], flow=True, augmentation=keep).batch(0)
    assert batch.flow_forth is not None
    assert batch.flow_back is not None
    assert (batch.flow_forth[:, :, 0] - 2).abs().mean() < 0.1
    assert (batch.flow_back[:, :, 0] + 2).abs().mean() < 0.1
    assert batch.flow_forth[:, :, 1].abs().mean() < 0.1


@pytest.mark.parametrize("scale", [2, 3])
def test_flow_is_in_input_pixels_at_any_scale(glide, scale: int):
    source = ShotSource(clips=[Shot(name="a", frames=glide(9, 96, 128), share=1.0)])
    keep = Augmentation(mirror=False, upside_down=False, turn=False, backwards=False)
    batch = make(source, CADENCES[:1], scale=scale, augmentation=keep).batch(0)
    assert batch.flow_forth is not None
    speed = batch.flow_forth[:, :, 0].median()  # 4 large pixels a frame, at a stride of one frame or two
    assert min(abs(speed - 8 / scale), abs(speed - 16 / scale)) < 0.3


@pytest.mark.parametrize("name", ["mirror", "upside_down", "turn", "backwards"])
def test_each_augmentation_happens_to_every_second_item_alone(held, glide, name: str):
    changes = {"mirror": -1, "upside_down": -2, "backwards": 0}
    only = Augmentation(**{other: other == name for other in ("mirror", "upside_down", "turn", "backwards")})
    as_it_is = glide(7, 64, 64).float() / 255
    changed = as_it_is.mT if name == "turn" else as_it_is.flip(changes[name])
    cadence = Cadence(keys=4, factor=2, probability=1.0)
    frames = make(still(held, glide), [cadence], batch_size=32, augmentation=only).batch(0).frames
    kept, turned = ([torch.allclose(item, other) for item in frames] for other in (as_it_is, changed))
    assert all(a != b for a, b in zip(kept, turned, strict=True))
    assert 6 < sum(turned) < 26


def test_crops_may_be_wider_than_high(held, glide):
    batch = make(ClipSource(name="x", clips=[held("a", glide(7, 64, 112))]), crop=(16, 28)).batch(0)
    assert batch.frames.shape[-2:] == (64, 112)
    assert batch.clip.shape[-2:] == (16, 28)


def test_damage_is_done_to_the_input_alone(held, glide):
    class Darker:
        def __call__(self, frames, scale, random):
            assert random.random() < 1
            return shrink(frames, scale) / 2

    batch = make(still(held, glide), CADENCES[:1], degradation=Darker()).batch(0)
    assert torch.equal(batch.small_frames, shrink(batch.frames, 4))
    assert (batch.clip - batch.small_frames[:, ::2] / 2).abs().max() <= 0.5 / 255 + 1e-6


def test_masked_blocks_are_zero_and_weigh_more_the_more_often_they_are_hidden(held, glide):
    batch = make(still(held, glide), CADENCES[:1], masking=Masking(rate=0.4), batch_size=8).batch(0)
    assert batch.weight is not None
    shown = (batch.clip > 0).all(2)  # the texture itself is never black
    blocks = shown.unflatten(-1, (4, 4)).unflatten(-3, (4, 4))
    assert torch.equal(blocks.all(-1).all(-2), blocks.any(-1).any(-2))
    assert 0.5 < shown.float().mean() < 0.7
    assert torch.allclose(batch.clip[:, :, 0][shown], batch.small_frames[:, ::2, 0][shown])
    expected = 1 / (1 + shown.float().sum(1))
    expected = expected / expected.mean((1, 2), keepdim=True)
    assert torch.allclose(batch.weight[:, 0, 0, ::4, ::4], expected)
    assert torch.allclose(batch.weight.mean((1, 2, 3, 4)), torch.ones(8))


@pytest.mark.parametrize("fields", [{"rate": 1.0}, {"rate": -0.1}, {"block": 0}])
def test_masking_must_leave_something(fields: dict):
    with pytest.raises(SettingsError, match="Masking"):
        Masking(**fields)


@pytest.mark.parametrize(("crop", "words"), [(40, "smaller crop"), (15, "multiples of 4")])
def test_a_crop_that_does_not_fit_the_footage_stops(glide, crop: int, words: str):
    with pytest.raises(TrainingError, match=words):
        make(whole(glide), crop=crop, scale=2 if crop == 15 else 4)
