"""Batches: the same for the same step, and true to the footage however they are flipped, turned and reversed."""

from copy import copy

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stvsr.data.footage import Shot
from stvsr.data.sampler import Cadence, Sampler
from stvsr.ops.resize import resize
from stvsr.ops.warp import backward_warp

CADENCES = (Cadence(keys=3, factor=2, probability=0.5), Cadence(keys=2, factor=3, probability=0.5))


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


def test_small_frames_are_the_large_ones_shrunk(sampler: Sampler):
    batch = sampler.batch(0)
    shrunk = resize(batch.frames, 0.25)
    assert (shrunk - batch.small_frames)[..., 3:-3, 3:-3].abs().max() < 0.02


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
    whole = sampler.batch(3)
    shares = []
    for process in range(2):
        part = copy(sampler)
        part.items = range(process, 8, 2)
        shares.append(part.batch(3))
    assert torch.equal(whole.frames[0::2], shares[0].frames)
    assert torch.equal(whole.flow_back[1::2], shares[1].flow_back)
