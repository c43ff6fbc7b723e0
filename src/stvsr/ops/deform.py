"""Modulated deformable convolution (Zhu et al., Deformable ConvNets v2, CVPR 2019).

Every tap of the kernel looks a learned offset away from its place, bilinearly, and what it sees is weighted by a mask.
Beyond the border there is nothing (zero). Layout of offsets and mask as in ONNX's DeformConv (opset 19) and torchvision:
offset channel ``2 * (group * taps + tap) + axis`` with axis 0 = y and 1 = x, mask channel ``group * taps + tap``.

b batch · i input features · o output features · h w input size · H W output size · g offset groups · k taps.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor


def deform_conv2d(
    image: Float[Tensor, "b i h w"],
    offset: Float[Tensor, "b _ H W"],
    mask: Float[Tensor, "b _ H W"],
    weight: Float[Tensor, "o i2 kh kw"],
    bias: Float[Tensor, " o"] | None = None,
    *,
    stride: int = 1,
    padding: int = 1,
    dilation: int = 1,
) -> Float[Tensor, "b o H W"]:
    """Convolve ``image`` with ``weight``, each tap moved by ``offset`` (pixels) and weighted by ``mask``.

    The number of offset groups follows from the mask's channels; ``i2`` is ``i`` over the weight's groups.
    """
    return reference(image, offset, mask, weight, bias, stride=stride, padding=padding, dilation=dilation)


def reference(
    image: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    *,
    stride: int,
    padding: int,
    dilation: int,
) -> Tensor:
    """Plain PyTorch: the four neighbours of every sample by gathering, then one matrix product."""
    taps_y, taps_x = weight.shape[-2:]
    taps = taps_y * taps_x
    groups = mask.shape[1] // taps
    batch, features, height, width = image.shape
    rows, columns = mask.shape[-2:]
    shift = rearrange(offset.float(), "b (g k yx) H W -> yx b g k H W", k=taps, yx=2)
    grid = dict(dtype=torch.float32, device=image.device)
    tap_y = torch.arange(taps_y, **grid).repeat_interleave(taps_x)[:, None, None] * dilation - padding
    tap_x = torch.arange(taps_x, **grid).repeat(taps_y)[:, None, None] * dilation - padding
    y = torch.arange(rows, **grid)[:, None] * stride + tap_y + shift[0]
    x = torch.arange(columns, **grid) * stride + tap_x + shift[1]
    table = rearrange(image.float(), "b (g d) h w -> b g d (h w)", g=groups)
    seen = 0
    for corner_y, share_y in ((y.floor(), 1 - (y - y.floor())), (y.floor() + 1, y - y.floor())):
        for corner_x, share_x in ((x.floor(), 1 - (x - x.floor())), (x.floor() + 1, x - x.floor())):
            inside = (corner_y >= 0) & (corner_y < height) & (corner_x >= 0) & (corner_x < width)
            place = (corner_y.clamp(0, height - 1) * width + corner_x.clamp(0, width - 1)).long()
            place = rearrange(place, "b g k H W -> b g 1 (k H W)").expand(-1, -1, table.shape[2], -1)
            share = rearrange(share_y * share_x * inside, "b g k H W -> b g 1 (k H W)")
            seen = seen + table.gather(3, place) * share
    columns_seen = rearrange(seen, "b g d (k H W) -> b g d k H W", k=taps, H=rows)
    columns_seen = columns_seen * rearrange(mask.float(), "b (g k) H W -> b g 1 k H W", g=groups)
    parts = features // weight.shape[1]
    columns_seen = rearrange(columns_seen, "b g d k H W -> b (g d) k (H W)")
    columns_seen = rearrange(columns_seen, "b (n i) k p -> b n (i k) p", n=parts)
    kernels = rearrange(weight.float(), "(n o) i y x -> n o (i y x)", n=parts)
    out = rearrange(kernels @ columns_seen, "b n o (H W) -> b (n o) H W", H=rows)
    if bias is not None:
        out = out + bias.float()[:, None, None]
    return out.to(image.dtype)
