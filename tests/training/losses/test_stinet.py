"""STINet's loss: zero on the truth, and a motion consistency that pulls as finite differences say."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.data.sampler import Batch, Cadence
from stvsr.networks.base import TrainingOutput
from stvsr.ops.flow import farneback
from stvsr.training.losses.stinet import StinetLoss


def moving(count: int, speed: float = 1.0, *, height: int = 24, width: int = 28) -> Tensor:
    """A smooth texture that moves steadily: b s c H W."""
    x = torch.arange(width) - speed * torch.arange(count)[:, None, None]
    y = torch.arange(height)[:, None]
    grey = 0.5 + 0.2 * torch.sin(0.5 * x + 0.3 * y) + 0.2 * torch.sin(0.4 * y - 0.2 * x)
    return grey[None, :, None].expand(-1, -1, 3, -1, -1).contiguous()


def batch_of(frames: Tensor) -> Batch:
    small = F.avg_pool2d(frames.flatten(0, 1), 2).unflatten(0, frames.shape[:2])
    flow = torch.zeros(1, 1, 2, *small.shape[-2:])
    return Batch(
        cadence=Cadence(keys=2, factor=2, probability=1),
        clip=small[:, ::2],
        frames=frames,
        small_frames=small,
        flow_forth=flow,
        flow_back=flow,
    )


def test_the_truth_has_no_loss():
    frames = moving(3)
    batch = batch_of(frames)
    extras = {"low": batch.small_frames, "high": frames, "space": frames[:, ::2]}
    loss, terms = StinetLoss()(TrainingOutput(frames=frames, extras=extras), batch, torch.tensor(0.0))
    assert terms.keys() == {"frames", "low", "high", "space", "absolute", "relative"}
    assert terms["absolute"] < 1e-9
    assert terms["relative"] < 5e-3
    assert loss < 1e-3


def test_motion_consistency_pulls_at_the_frames_as_finite_differences_say():
    true = moving(3).double()
    torch.manual_seed(0)
    frames = (moving(3, 0.6) + 0.01 * torch.randn(1, 3, 3, 24, 28)).double().requires_grad_()
    direction = torch.randn_like(frames)

    def consistency(frames: Tensor) -> Tensor:
        absolute, relative = StinetLoss().motion_consistency(frames, true)
        return absolute + relative

    (gradient,) = torch.autograd.grad(consistency(frames), frames)
    with torch.no_grad():
        step = 1e-7  # small: what crosses the border counts at once
        change = consistency(frames + step * direction) - consistency(frames - step * direction)
    assert gradient.abs().sum() > 0
    assert float((gradient * direction).sum()) == pytest.approx(float(change) / (2 * step), rel=1e-3)


@pytest.mark.parametrize(
    ("switches", "grows"),
    [({"absolute_norm": "l1"}, 0), ({"absolute_pairs": "adjacent"}, 0), ({"relative_to": "truth"}, 1)],
    ids=str,
)
def test_every_row_of_the_losss_ablation_is_another_loss(switches: dict[str, Any], grows: int):
    frames, true = moving(3, 0.5), moving(3)
    usual, other = (loss.motion_consistency(frames, true)[grows] for loss in (StinetLoss(), StinetLoss(**switches)))
    assert float(usual) != pytest.approx(float(other), rel=1e-2)


def test_motion_that_turns_back_is_punished_and_steady_motion_is_not():
    there_and_back = moving(2)[:, [0, 1, 0]]
    _, relative = StinetLoss().motion_consistency(there_and_back, there_and_back)
    assert relative > 0.5
    assert StinetLoss().motion_consistency(moving(3), moving(3))[1] < 5e-3


def test_a_term_of_weight_zero_costs_nothing():
    frames = moving(3)
    output, batch = TrainingOutput(frames=frames), batch_of(moving(3, 0.5))
    _, terms = StinetLoss(motion=0)(output, batch, torch.tensor(0.0))
    assert terms.keys() == {"frames"}
    _, terms = StinetLoss(absolute=0)(output, batch, torch.tensor(0.0))
    assert terms["absolute"] == 0


def test_motion_consistency_lowers_the_flow_error_of_a_small_run():
    """Two convolutions learn the frame between two; they begin with the first one shown twice."""

    def waves(speed: float, start: float) -> Tensor:
        x = torch.arange(32) - speed * torch.arange(3)[:, None, None] + start
        y = torch.arange(32)[:, None]
        grey = 0.5 + 0.2 * torch.sin(0.3 * x + 0.2 * y) + 0.2 * torch.sin(0.3 * y - 0.2 * x + start)
        return grey[None, :, None].expand(-1, -1, 3, -1, -1).contiguous()

    def flow_error(motion: float) -> float:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(6, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 3, 5, padding=2))
        adam = torch.optim.Adam(network.parameters(), lr=3e-3)
        loss_of = StinetLoss(auxiliary=0, space=0, motion=motion, relative=0, absolute_pairs="adjacent")

        def render(frames: Tensor) -> Tensor:
            keys = frames[:, ::2]
            return torch.stack([keys[:, 0], keys[:, 0] + network(keys.flatten(1, 2)), keys[:, 1]], 1)

        for _ in range(30):
            true = waves(1.5 + float(torch.rand(())), 9 * float(torch.rand(())))
            loss, _ = loss_of(TrainingOutput(frames=render(true)), batch_of(true), torch.tensor(0.0))
            adam.zero_grad()
            loss.backward()
            adam.step()
        errors = []
        with torch.no_grad():
            for speed in (1.6, 1.9, 2.4):
                true = waves(speed, 3.3)
                ours = render(true)
                wrong = farneback(ours[:, 0], ours[:, 1]) - farneback(true[:, 0], true[:, 1])
                errors.append(wrong.square().sum(1).sqrt().mean())
        return float(torch.stack(errors).mean())

    assert flow_error(motion=0.1) < 0.75 * flow_error(motion=0)  # 0.12 and 0.23 pixels when this was written
