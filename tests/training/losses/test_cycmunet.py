"""CycMu-Net's loss, against Eq. 4 by hand."""

from math import hypot

import pytest
import torch

from stvsr.data.sampler import Batch, Cadence
from stvsr.networks.base import TrainingOutput
from stvsr.training.losses.cycmunet import CycMuLoss


def test_each_frame_weighs_what_the_paper_says():
    small, large = torch.rand(1, 3, 3, 4, 4), torch.rand(1, 3, 3, 16, 16)
    flow = torch.zeros(1, 1, 2, 4, 4)
    batch = Batch(
        cadence=Cadence(keys=2, factor=2, probability=1),
        clip=small[:, ::2],
        frames=large,
        small_frames=small,
        flow_forth=flow,
        flow_back=flow,
    )
    errors = torch.tensor([0.1, 0.2, 0.3])
    output = TrainingOutput(frames=large + errors[:, None, None, None], extras={"middle": small[:, 1:2] + 0.4})
    loss, terms = CycMuLoss()(output, batch, torch.tensor(0.5))
    rho = [hypot(error, 1e-3) for error in (0.4, 0.2, 0.1, 0.3)]
    assert float(loss) == pytest.approx(rho[0] + rho[1] + 0.5 * rho[2] + 0.5 * rho[3], rel=1e-4)
    assert [float(term) for term in terms.values()] == pytest.approx(rho, rel=1e-4)
