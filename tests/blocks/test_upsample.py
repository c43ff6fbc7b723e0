"""The tail, and the picture under it. Referee: MATLAB-like bicubic."""

from fractions import Fraction

import pytest
import torch

from stvsr.blocks.upsample import ShuffleTail, bicubic_base
from stvsr.ops.resize import resize


@pytest.mark.parametrize("scale", [1, 2, 4, 8])
def test_the_tail_enlarges_by_its_scale(scale: int):
    assert ShuffleTail(8, scale=scale)(torch.rand(2, 8, 5, 4)).shape == (2, 3, 5 * scale, 4 * scale)


@pytest.mark.parametrize("time", [0, Fraction(1, 2), 0.5, 1])
def test_the_base_is_bicubic_of_the_frame_or_of_the_mean_of_two(time: float):
    clip = torch.rand(1, 2, 3, 8, 8)
    frame = clip.mean(1) if time == 0.5 else clip[:, int(time)]
    assert torch.allclose(bicubic_base(clip, time, 4), resize(frame, 4), atol=1e-5)
