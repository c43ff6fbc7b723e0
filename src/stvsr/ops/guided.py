"""Guided up-sampling: a pixel-adaptive transposed convolution (Su et al., Pixel-Adaptive Convolutional Neural
Networks, CVPR 2019, Eq. 3 with a transposed convolution and a Gaussian of unit width). Written from the paper.

Every tap of the kernel is weighted by how alike the guide is at its two ends, so that what is enlarged does not flow
across the guide's edges:

    out[y] = bias + sum over input pixels x within the kernel of exp(-|g(y) - g(s x)|^2 / 2) weight[y - s x] image[x]

b batch · i input features · o output features · g guide features · h w input size · H W output size (times s).
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def guided_upsample(
    image: Float[Tensor, "b i h w"],
    guide: Float[Tensor, "b g {stride}*h {stride}*w"],
    weight: Float[Tensor, "i o k k"],
    bias: Float[Tensor, " o"] | None = None,
    *,
    stride: int = 2,
) -> Float[Tensor, "b o {stride}*h {stride}*w"]:
    """Enlarge ``image`` by ``stride``, steered by ``guide``. The kernel must be at least as wide as the stride.

    Input pixel x sits on output pixel ``stride * x``; beyond the border there is nothing (zero). With a guide that is
    the same everywhere this is ``conv_transpose2d`` with ``padding`` = (k - stride + 1) // 2 and the output padding
    that makes the size exact.

    The output is made phase by phase (a phase: every stride-th row and column), each by its few taps one after
    another, at the size of the input: nothing larger than the output is ever held.
    """
    side = weight.shape[-1]
    padding = (side - stride + 1) // 2
    reach = side // stride + 1
    padded = F.pad(image, (reach, reach, reach, reach))
    guide = guide.to(torch.promote_types(guide.dtype, torch.float32))
    held = F.pad(guide[..., ::stride, ::stride], (reach, reach, reach, reach))
    batch, _, height, width = image.shape
    start = weight.new_zeros(weight.shape[1]) if bias is None else bias

    enlarged = image.new_empty(batch, weight.shape[1], stride * height, stride * width)
    for row in range(stride):
        for column in range(stride):
            seen = guide[..., row::stride, column::stride]
            taps = []
            # tap u of an input row y lands on the output row stride * y + u - padding
            for u in range((row + padding) % stride, side, stride):
                for v in range((column + padding) % stride, side, stride):
                    top, left = reach + (row + padding - u) // stride, reach + (column + padding - v) // stride
                    taps.append((u, v, (..., slice(top, top + height), slice(left, left + width))))
            # pixels are the rows of a matrix: as such they lie where channels come last
            total = start
            for u, v, place in taps:
                steered = padded[place] * likeness(seen, held[place]).to(image.dtype)
                total = torch.addmm(total, rearrange(steered, "b i h w -> (b h w) i"), weight[:, :, u, v])
            enlarged[..., row::stride, column::stride] = rearrange(
                total, "(b h w) o -> b o h w", b=batch, h=height, w=width
            )
    return enlarged


def likeness(here: Float[Tensor, "b g h w"], there: Float[Tensor, "b g h w"]) -> Float[Tensor, "b 1 h w"]:
    """A Gaussian of the distance between guide features."""
    return torch.exp(-0.5 * (here - there).square().sum(1, keepdim=True))
