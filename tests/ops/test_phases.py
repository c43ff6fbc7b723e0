"""Folded pictures. Referees: PyTorch's own pixel shuffle, and the enlargement of whole pictures."""

import pytest
import torch
from torch.nn import functional as F

from stvsr.ops.phases import enlarged_with
from stvsr.ops.resize import resize


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize(("colours", "scale", "height", "width"), [(3, 4, 9, 13), (3, 2, 5, 3), (1, 3, 2, 2)])
def test_pictures_are_enlarged_and_what_lies_folded_is_added_one_after_the_other(
    colours: int, scale: int, height: int, width: int, trains: bool, dtype: torch.dtype
):
    torch.manual_seed(0)
    folded, size = (2, colours * scale**2, height, width), (2, colours, height, width)
    pairs = [
        (torch.rand(folded).to(dtype, memory_format=torch.channels_last), torch.rand(size).to(memory_format=lies))
        for lies in (torch.channels_last, torch.contiguous_format)
    ]
    with torch.set_grad_enabled(trains):
        frames = enlarged_with(iter(pairs), 2, scale)
    wanted = [F.pixel_shuffle(detail.float(), scale) + resize(picture, scale) for detail, picture in pairs]
    torch.testing.assert_close(frames, torch.stack(wanted, 1), rtol=0, atol=1e-6)
