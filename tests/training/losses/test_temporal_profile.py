"""TP's losses; the referees are the paper's equations, written out."""

import pytest
import torch
from einops import rearrange

from stvsr.data.sampler import Batch, Cadence
from stvsr.errors import SettingsError
from stvsr.networks.base import TrainingOutput
from stvsr.ops.resize import resize, resize_to
from stvsr.training.losses.temporal_profile import TPLoss, cycle_error

START = torch.tensor(0.0)


def some_batch(count: int = 3) -> Batch:
    torch.manual_seed(0)
    frames = torch.rand(2, 2 * count - 1, 3, 16, 20)
    small = resize(frames, 1 / 4)
    still = torch.zeros(2, count - 1, 2, 4, 5)
    return Batch(
        cadence=Cadence(keys=count, factor=2, probability=1.0),
        clip=small[:, ::2],
        frames=frames,
        small_frames=small,
        flow_forth=still,
        flow_back=still,
    )


@pytest.mark.parametrize(("kind", "height", "width"), [("vertical", 8, 5), ("horizontal", 4, 10)])
def test_the_first_stage_wants_the_true_frames_made_small_to_the_size_of_the_profiles(kind, height, width):
    batch = some_batch()
    true = resize_to(batch.frames, height, width)
    for shift in (0.0, 0.25):
        output = TrainingOutput(frames=torch.zeros_like(batch.frames), extras={kind: true + shift})
        assert float(TPLoss(stage=1)(output, batch, START)[0]) == pytest.approx(shift, abs=1e-6)


def test_the_second_stage_is_l1_of_the_frames():
    batch = some_batch()
    output = TrainingOutput(frames=batch.frames - 0.25)
    assert float(TPLoss(stage=2)(output, batch, START)[0]) == pytest.approx(0.25)


def test_the_third_stage_adds_its_terms_by_their_weights():
    batch = some_batch()
    output = TrainingOutput(frames=torch.rand_like(batch.frames))
    loss, terms = TPLoss()(output, batch, START)
    assert loss == pytest.approx(float(terms["frames"] + 0.1 * terms["ssim"] + terms["cycle"]))
    alone, _ = TPLoss(ssim=0.0, cycle=0.0)(output, batch, START)
    assert float(alone) == pytest.approx(float(terms["frames"]))


def test_true_frames_cost_nothing():
    batch = some_batch()
    assert float(TPLoss()(TrainingOutput(frames=batch.frames), batch, START)[0]) == pytest.approx(0, abs=1e-6)


def test_the_cycle_loss_is_the_papers_sum_over_horizontal_profiles():
    """Eq. 9, a profile for every row of the input, as a mean over pixels."""
    batch = some_batch()
    frames = torch.rand_like(batch.frames)
    degraded, given = (
        rearrange(clip, "b t c h w -> (b h) c w t") for clip in (resize(frames[:, ::2], 1 / 4), batch.clip)
    )
    profiles = [float((ours - true).abs().mean()) for ours, true in zip(degraded, given, strict=True)]
    assert float(cycle_error(frames, batch.clip, 2)) == pytest.approx(sum(profiles) / len(profiles), rel=1e-5)


def test_the_cycle_loss_has_the_right_gradient_and_none_for_the_frames_between():
    torch.manual_seed(0)
    frames = torch.rand(1, 3, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    clip = torch.rand(1, 2, 1, 2, 2, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda ours: cycle_error(ours, clip, 2), (frames,))
    cycle_error(frames, clip, 2).backward()
    assert frames.grad is not None
    assert [bool(frames.grad[:, index].any()) for index in range(3)] == [True, False, True]


def test_there_is_no_fourth_stage():
    with pytest.raises(SettingsError, match="stage 4"):
        TPLoss(stage=4)
