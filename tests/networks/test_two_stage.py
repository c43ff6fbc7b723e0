"""Referee: bicubic, whose two stages are linear and act on different axes, so that their order does not matter."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch

from stvsr.errors import SettingsError, UnsupportedTimeError
from stvsr.networks import NETWORKS
from stvsr.networks.two_stage import TwoStage

TIMES = [Fraction(index, 2) for index in range(7)]


@pytest.mark.parametrize("time_first", [True, False])
@pytest.mark.parametrize("most", [None, 2, 3])
def test_bicubic_twice_is_bicubic_once_in_either_order_and_in_pieces(time_first: bool, most: int | None):
    clip = 0.2 + 0.6 * torch.rand(1, 4, 3, 8, 10)  # so that nothing between the stages leaves [0, 1]
    time, space = NETWORKS["bicubic"](scale=1), NETWORKS["bicubic"](scale=4)
    time.spec = replace(time.spec, max_frames=most, min_frames=min(most or 1, 2))
    space.spec = replace(space.spec, max_frames=most)
    network = TwoStage(time=time, space=space, time_first=time_first)
    assert torch.allclose(network(clip, TIMES), NETWORKS["bicubic"](scale=4)(clip, TIMES), atol=1e-5)
    assert torch.allclose(network(clip, TIMES[3:4]), NETWORKS["bicubic"](scale=4)(clip, TIMES[3:4]), atol=1e-5)


def test_it_renders_the_instants_that_its_stage_for_time_renders():
    network = TwoStage(time=NETWORKS["cycmunet"](scale=1, width=8, trunk_blocks=1), space=NETWORKS["bicubic"](scale=2))
    with torch.no_grad():
        assert network(torch.rand(1, 3, 3, 8, 8), TIMES[:5]).shape == (1, 5, 3, 16, 16)
    with pytest.raises(UnsupportedTimeError):
        network(torch.rand(1, 3, 3, 8, 8), [Fraction(1, 3)])


def test_a_stage_for_time_that_enlarges_is_refused():
    with pytest.raises(SettingsError, match="scale 1"):
        TwoStage(time=NETWORKS["bicubic"](scale=2), space=NETWORKS["bicubic"](scale=2))
