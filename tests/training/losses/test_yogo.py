"""YOGO's loss, on a truth whose structure and detail are known."""

from math import hypot

import pytest
import torch

from stvsr.data.sampler import Batch, Cadence
from stvsr.networks.base import TrainingOutput
from stvsr.ops.resize import resize
from stvsr.training.losses.yogo import YogoLoss


def some_batch() -> tuple[Batch, torch.Tensor]:
    """A batch, and the detail in its frames."""
    small, detail = torch.rand(1, 3, 3, 4, 4), torch.rand(1, 3, 3, 16, 16)
    flow = torch.zeros(1, 1, 2, 4, 4)
    batch = Batch(
        cadence=Cadence(keys=2, factor=2, probability=1),
        clip=small[:, ::2],
        frames=resize(small, 4) + detail,
        small_frames=small,
        flow_forth=flow,
        flow_back=flow,
    )
    return batch, detail


def test_structure_is_the_enlarged_small_frame_and_detail_the_rest():
    batch, detail = some_batch()
    extras = {"structure": batch.frames - detail + 0.2, "detail": detail + 0.3}
    loss, terms = YogoLoss(structure=10, detail=100)(
        TrainingOutput(frames=batch.frames + 0.1, extras=extras), batch, torch.tensor(0.5)
    )
    rho = [hypot(error, 1e-3) for error in (0.1, 0.2, 0.3)]
    assert [float(term) for term in terms.values()] == pytest.approx(rho, rel=1e-4)
    assert float(loss) == pytest.approx(rho[0] + 10 * rho[1] + 100 * rho[2], rel=1e-4)


def test_without_heads_the_frames_are_all():
    batch, _ = some_batch()
    loss, terms = YogoLoss()(TrainingOutput(frames=batch.frames + 0.1), batch, torch.tensor(0.5))
    assert float(loss) == pytest.approx(0.1, rel=1e-3)
    assert list(terms) == ["frames"]
