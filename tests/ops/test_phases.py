"""Folded pictures. Referee: PyTorch's own pixel shuffle."""

import pytest
import torch
from torch.nn import functional as F

from stvsr.ops.phases import unfolded


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize(("colours", "scale", "height", "width"), [(3, 4, 9, 13), (3, 2, 5, 3), (1, 3, 1, 1)])
def test_folded_pictures_are_added_and_unfolded_one_after_the_other(
    colours: int, scale: int, height: int, width: int, trains: bool, dtype: torch.dtype
):
    torch.manual_seed(0)
    size = (2, colours * scale**2, height, width)
    pairs = [(torch.rand(size, dtype=dtype), torch.rand(size).to(memory_format=torch.channels_last)) for _ in range(4)]
    with torch.set_grad_enabled(trains):
        frames = unfolded(iter(pairs), 4, scale)
    assert torch.equal(frames, torch.stack([F.pixel_shuffle(detail + base, scale) for detail, base in pairs], 1))
