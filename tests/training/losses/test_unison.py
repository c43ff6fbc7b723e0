"""Unison's loss on outputs whose loss is known: a still grey clip, seen by a network that is off by as much as told."""

from dataclasses import replace

import pytest
import torch

from stvsr.data.sampler import Batch, Cadence
from stvsr.errors import TrainingError
from stvsr.networks.base import TrainingOutput
from stvsr.training.losses.unison import UnisonLoss

DONE = torch.tensor(0.5)
LOSS = UnisonLoss(epsilon=1e-6, base=0.2, flow_start=0.05, flow_end=0.01, photometric=0.05, backward=0.3)
STILL = torch.zeros(1, 1, 2, 8, 8)
BATCH = Batch(
    cadence=Cadence(keys=2, factor=2, probability=1.0),
    clip=torch.full((1, 2, 3, 8, 8), 0.5),
    frames=torch.full((1, 3, 3, 32, 32), 0.5),
    small_frames=torch.full((1, 3, 3, 8, 8), 0.5),
    flow_forth=STILL,
    flow_back=STILL,
)


def made(**off: float) -> TrainingOutput:
    """Frames, base, flow_forth or backward, off by so much."""
    true = {"frames": BATCH.frames, "base": BATCH.small_frames, "flow_forth": STILL, "flow_back": STILL}
    true |= {"backward": BATCH.frames} if "backward" in off else {}
    seen = {name: wanted + off.get(name, 0) for name, wanted in true.items()}
    return TrainingOutput(frames=seen.pop("frames"), extras=seen)


@pytest.mark.parametrize(
    ("off", "paid"),
    [
        ({}, 0),
        ({"frames": 0.1}, 0.1),
        ({"base": 0.1}, 0.2 * 0.1),
        ({"backward": 0.1}, 0.3 * 0.1),
        ({"flow_forth": 1.0}, (0.05 + 0.01) / 2 * 2**0.5 / 2),  # one pixel in x and in y, one direction of two
    ],
)
def test_each_term_is_paid_by_its_weight(off: dict[str, float], paid: float):
    loss, _ = LOSS(made(**off), BATCH, DONE)
    assert float(loss) == pytest.approx(paid, abs=5e-4)  # each is rounded off near zero


def test_without_the_classical_flow_there_is_nothing_to_learn_from():
    with pytest.raises(TrainingError, match="--set flow=1"):
        LOSS(made(), replace(BATCH, flow_forth=None), DONE)
