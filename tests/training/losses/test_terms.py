"""What every loss has in common."""

import pytest
import torch

from stvsr.data.sampler import Batch, Cadence
from stvsr.networks.base import TrainingOutput
from stvsr.training.losses import CycMuLoss, Loss, StinetLoss, TPLoss, YogoLoss
from stvsr.training.losses.mbnet import by_frame


@pytest.mark.parametrize(
    "loss",
    [YogoLoss(), StinetLoss(motion=0), TPLoss(stage=2), CycMuLoss(middle=0)],
    ids=lambda loss: type(loss).__name__,
)
def test_where_the_input_is_masked_an_error_counts_as_its_pixels_weigh(loss: Loss):
    def paid(weight: torch.Tensor | None) -> float:
        batch = Batch(
            cadence=Cadence(keys=2, factor=2, probability=1),
            clip=torch.zeros(1, 2, 3, 4, 4),
            frames=torch.zeros(1, 3, 3, 16, 16),
            small_frames=torch.zeros(1, 3, 3, 4, 4),
            weight=weight,
        )
        wrong = torch.zeros(1, 3, 3, 16, 16)
        wrong[..., :8] = 0.5  # the left half
        extras = {"middle": torch.zeros(1, 1, 3, 4, 4)} if isinstance(loss, CycMuLoss) else {}
        return float(loss(TrainingOutput(frames=wrong, extras=extras), batch, torch.tensor(0.0))[0])

    left = torch.ones(1, 1, 1, 16, 16)
    left[..., :8], left[..., 8:] = 1.5, 0.5
    assert paid(torch.ones(1, 1, 1, 16, 16)) == pytest.approx(paid(None))
    assert paid(left) == pytest.approx(1.5 * paid(None), rel=5e-3)  # Charbonnier charges a trifle for what is right


def test_mbnets_frames_are_weighed_too():
    wrong, weight = torch.zeros(1, 2, 3, 4, 4), torch.full((1, 1, 1, 4, 4), 2.0)
    wrong[:, 0] = 0.5
    assert float(by_frame(wrong, torch.zeros_like(wrong))) == pytest.approx(0.5)
    assert float(by_frame(wrong, torch.zeros_like(wrong), weight)) == pytest.approx(1.0)
