"""MBnet's loss on outputs whose loss is known."""

from dataclasses import replace

import pytest
import torch

from stvsr.data.sampler import Batch, Cadence
from stvsr.errors import TrainingError
from stvsr.networks.base import TrainingOutput
from stvsr.training.losses.mbnet import MBLoss

DONE = torch.tensor(0.0)


def gliding(*, pixels: float = 4.0) -> tuple[Batch, TrainingOutput]:
    """A slope of grey that glides to the right, and a network that made everything right.

    Grey falls by 1/64 per output pixel; sampling a slope between its pixels is exact, away from the left border.
    """
    x = torch.arange(64.0) / 64
    frames = torch.stack([x - shift * pixels * 4 / 64 for shift in (0, 0.5, 1)])[None, :, None, None]
    frames = frames.expand(1, 3, 3, 32, 64)
    small = frames.unflatten(-1, (16, 4)).mean(-1).unflatten(-2, (8, 4)).mean(-2)
    forth = torch.zeros(1, 1, 2, 8, 16)
    forth[:, :, 0] = pixels
    batch = Batch(
        cadence=Cadence(keys=2, factor=2, probability=1.0),
        clip=small[:, ::2],
        frames=frames,
        small_frames=small,
        flow_forth=forth,
        flow_back=-forth,
    )
    to_before = torch.zeros(1, 2, 32, 64)
    to_before[:, 0] = -pixels * 4 / 2
    extras = {
        "flow_forth": forth,
        "flow_back": -forth,
        "earlier_frames": frames[:, None],
        "flow_refined": torch.stack([to_before, -to_before], 1)[:, None],
        "warped": torch.stack([frames[:, 1], frames[:, 1]], 1)[:, None],
    }
    return batch, TrainingOutput(frames=frames, extras=extras)


def test_a_network_that_is_right_has_nothing_to_pay():
    batch, output = gliding(pixels=0.0)
    loss, terms = MBLoss()(output, batch, DONE)
    assert loss < 1e-7
    assert max(terms.values()) < 1e-6


def test_true_flow_agrees_with_its_teacher_and_moves_one_frame_onto_the_other():
    batch, output = gliding()
    _, terms = MBLoss()(output, batch, DONE)
    assert terms["teacher"] < 1e-5
    assert terms["flow_large"] < 1e-5
    _, wrong = MBLoss()(
        replace(output, extras=output.extras | {"flow_forth": -output.extras["flow_forth"]}), batch, DONE
    )
    assert wrong["flow_small"] > 1.5 * terms["flow_small"]


def test_the_frames_of_all_iterations_are_added_up_and_each_weighs_what_it_should():
    batch, output = gliding(pixels=0.0)
    extras = output.extras | {
        "earlier_frames": output.frames[:, None] + torch.tensor([0.1, 0.2, 0.3])[:, None, None, None]
    }
    output = replace(output, frames=output.frames + 0.1, extras=extras | {"warped": output.extras["warped"] + 0.1})
    assert MBLoss()(output, batch, DONE)[0] == pytest.approx(0.3 + 0.6, abs=1e-5)
    assert MBLoss(earlier=0.5)(output, batch, DONE)[0] == pytest.approx(0.3 + 0.3, abs=1e-5)


@pytest.mark.parametrize(
    ("weights", "paid"),
    [
        (MBLoss(), 0.01 * 1.0 * 2 * 0.25 + 0.01 * 2 * (1.5 / 2)),
        (MBLoss(flow_large=2.0), 0.01 * 2.0 * 2 * 0.25 + 0.01 * 2 * (1.5 / 2)),
        (MBLoss(supervised=0.0), 0.01 * 1.0 * 2 * 0.25),
        (MBLoss(flow=0.0, supervised=0.0), 0.0),
    ],
)
def test_flow_at_the_output_size_pays_for_unlike_frames_and_for_its_teacher(weights: MBLoss, paid: float):
    """Both warped frames are 0.25 too dark; both flows are off by 1.5 pixels, sideways only."""
    batch, output = gliding(pixels=0.0)
    refined = output.extras["flow_refined"].clone()
    refined[:, :, :, 0] += 1.5
    extras = output.extras | {"warped": output.extras["warped"] - 0.25, "flow_refined": refined}
    assert weights(replace(output, extras=extras), batch, DONE)[0] == pytest.approx(paid, abs=1e-6)


def test_rough_flow_pays_at_every_size():
    batch, output = gliding(pixels=0.0)
    rough = torch.zeros(1, 2, 2, 8, 16)
    rough[:, 0, 1, ::2] = 1.0  # jumps from row to row; along a column all is equally grey, so nothing looks wrong
    extras = output.extras | {"flow_coarse_0": rough}
    steep = {
        "flow_refined": output.extras["flow_refined"] + rough.repeat_interleave(4, -1).repeat_interleave(4, -2)[:, None]
    }
    loss, terms = MBLoss(flow_small=0.7)(replace(output, extras=extras), batch, DONE)
    assert terms["flow_small"] == pytest.approx(0.1 * 0.5, abs=1e-6)
    assert loss == pytest.approx(0.01 * 0.7 * 0.1 * 0.5, abs=1e-6)
    _, terms = MBLoss()(replace(output, extras=output.extras | steep), batch, DONE)
    assert terms["flow_large"] == pytest.approx(0.1 * 0.5 * 7 / 31, abs=1e-6)


def test_without_instants_between_there_is_no_flow_at_the_output_size():
    batch, output = gliding()
    batch = replace(
        batch, cadence=Cadence(keys=2, factor=1, probability=1.0), frames=batch.frames[:, ::2], small_frames=batch.clip
    )
    extras = {name: output.extras[name] for name in ("flow_forth", "flow_back")}
    _, terms = MBLoss()(TrainingOutput(frames=output.frames[:, ::2], extras=extras), batch, DONE)
    assert terms["flow_large"] == terms["teacher"] == terms["earlier"] == 0


def test_without_flow_to_learn_from_it_says_so():
    batch, output = gliding()
    batch = replace(batch, flow_forth=None, flow_back=None)
    MBLoss(supervised=0)(output, batch, DONE)
    with pytest.raises(TrainingError, match="supervised=0"):
        MBLoss()(output, batch, DONE)
