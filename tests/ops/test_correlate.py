"""Local correlation against its definition, and on a pattern whose motion is known."""

import torch

from stvsr.ops.correlate import local_correlation


def test_it_finds_the_motion_of_a_shifted_pattern():
    torch.manual_seed(0)
    there = torch.randn(1, 64, 16, 16)
    here = torch.roll(there, shifts=(-2, 3), dims=(2, 3))  # here (y, x) equals there (y + 2, x - 3)
    best = local_correlation(here, there, radius=3)[0, :, 5:-5, 5:-5].argmax(0)
    assert (best == (2 + 3) * 7 + (-3 + 3)).all()


def test_it_equals_its_definition_and_is_zero_beyond_the_border():
    torch.manual_seed(1)
    here, there = torch.randn(2, 5, 6, 7), torch.randn(2, 5, 6, 7)
    matches = local_correlation(here, there, radius=1)
    assert torch.allclose(matches[:, 4], (here * there).mean(1), atol=1e-6)
    assert torch.allclose(matches[:, 5, :, :-1], (here[..., :-1] * there[..., 1:]).mean(1), atol=1e-6)
    assert not matches[:, 0, 0].any()
