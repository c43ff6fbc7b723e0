"""Local correlation against its definition, and on a pattern whose motion is known."""

from itertools import product

import pytest
import torch
from torch.nn import functional as F

from stvsr.ops.correlate import local_correlation


def test_it_finds_the_motion_of_a_shifted_pattern():
    torch.manual_seed(0)
    there = torch.randn(1, 64, 16, 16)
    here = torch.roll(there, shifts=(-2, 3), dims=(2, 3))  # here (y, x) equals there (y + 2, x - 3)
    best = local_correlation(here, there, radius=3)[0, :, 5:-5, 5:-5].argmax(0)
    assert (best == (2 + 3) * 7 + (-3 + 3)).all()


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize(("features", "radius"), [(5, 1), (24, 2)])
def test_it_equals_its_definition_and_is_zero_beyond_the_border(features: int, radius: int, trains: bool):
    torch.manual_seed(1)
    here, there = torch.randn(2, features, 6, 7), torch.randn(2, features, 6, 7)
    with torch.set_grad_enabled(trains):
        matches = local_correlation(here, there, radius=radius)
    around = F.pad(there, (radius, radius, radius, radius))
    side = 2 * radius + 1
    for channel, (dy, dx) in enumerate(product(range(side), repeat=2)):
        wanted = (here * around[..., dy : dy + 6, dx : dx + 7]).mean(1)
        assert torch.allclose(matches[:, channel], wanted, atol=1e-6)
