"""The deformable convolution in plain PyTorch: runs everywhere, and says in few lines what the fast paths compute.

``forward`` can be differentiated by autograd; ``backward`` is the same by hand, as the operator in ``deform`` needs it.
Names and layouts as in ``deform``; p are the positions of all taps, ``(k H W)``.
"""

from collections.abc import Iterator

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor


def forward(
    image: Float[Tensor, "b i h w"],
    offset: Float[Tensor, "b m H W"],
    mask: Float[Tensor, "b n H W"],
    weight: Float[Tensor, "o i kh kw"],
    *,
    stride: int,
    padding: int,
    dilation: int,
) -> Float[Tensor, "b o H W"]:
    """As ``deform_conv2d`` without bias, for tensors of one floating type. The result lies channels last."""
    table, shares = by_group(image, mask, weight)
    seen = torch.zeros(())
    for place, share, _, _ in corners(image, offset, weight, stride, padding, dilation):
        seen = seen.to(table) + look_up(table, place) * share[:, :, None]
    out = weight.flatten(1) @ rearrange(seen * shares, "b g d (k q) -> b (g d k) q", k=weight[0, 0].numel())
    out = rearrange(out, "b o (h w) -> b o h w", h=mask.shape[2])
    return out.clone(memory_format=torch.channels_last)


def backward(
    grad: Float[Tensor, "b o H W"],
    image: Float[Tensor, "b i h w"],
    offset: Float[Tensor, "b m H W"],
    mask: Float[Tensor, "b n H W"],
    weight: Float[Tensor, "o i kh kw"],
    *,
    stride: int,
    padding: int,
    dilation: int,
) -> tuple[Float[Tensor, "b i h w"], Float[Tensor, "b m H W"], Float[Tensor, "b n H W"], Float[Tensor, "o i kh kw"]]:
    """The gradients of image (channels last), offset, mask and weight, from the result's."""
    taps, (height, width) = weight[0, 0].numel(), image.shape[-2:]
    table, shares = by_group(image, mask, weight)
    grad = rearrange(grad, "b o h w -> b o (h w)")
    of_columns = weight.flatten(1).mT @ grad
    of_columns = rearrange(of_columns, "b (g d k) q -> b g d (k q)", g=table.shape[1], k=taps)
    of_seen = of_columns * shares
    seen, of_table = torch.zeros_like(of_seen), torch.zeros_like(table)
    of_y, of_x = torch.zeros_like(of_seen[:, :, 0]), torch.zeros_like(of_seen[:, :, 0])
    for place, share, slope_y, slope_x in corners(image, offset, weight, stride, padding, dilation):
        neighbour = look_up(table, place)
        seen += neighbour * share[:, :, None]
        match = (neighbour * of_seen).sum(2)
        of_y += match * slope_y
        of_x += match * slope_x
        of_table.scatter_add_(3, place[:, :, None].expand_as(of_seen), of_seen * share[:, :, None])
    of_mask = rearrange((seen * of_columns).sum(2), "b g (k h w) -> b (g k) h w", k=taps, h=mask.shape[2])
    of_offset = torch.stack((of_y, of_x), 2)
    of_offset = rearrange(of_offset, "b g yx (k h w) -> b (g k yx) h w", k=taps, h=mask.shape[2])
    columns = rearrange(seen * shares, "b g d (k q) -> b (g d k) q", k=taps)
    of_weight = torch.einsum("b o q, b c q -> o c", grad, columns).view_as(weight)
    of_image = rearrange(of_table, "b g d (h w) -> b (g d) h w", h=height, w=width)
    return of_image.contiguous(memory_format=torch.channels_last), of_offset, of_mask, of_weight


def by_group(
    image: Float[Tensor, "b i h w"], mask: Float[Tensor, "b n H W"], weight: Float[Tensor, "o i kh kw"]
) -> tuple[Float[Tensor, "b g d q"], Float[Tensor, "b g 1 p"]]:
    """The features of each offset group at every pixel, and the mask of each position."""
    taps = weight[0, 0].numel()
    groups = mask.shape[1] // taps
    table = rearrange(image, "b (g d) h w -> b g d (h w)", g=groups)
    return table, rearrange(mask, "b (g k) h w -> b g 1 (k h w)", k=taps)


def look_up(table: Float[Tensor, "b g d q"], place: Int[Tensor, "b g p"]) -> Float[Tensor, "b g d p"]:
    return table.gather(3, place[:, :, None].expand(-1, -1, table.shape[2], -1))


def corners(
    image: Float[Tensor, "b i h w"],
    offset: Float[Tensor, "b m H W"],
    weight: Float[Tensor, "o i kh kw"],
    stride: int,
    padding: int,
    dilation: int,
) -> Iterator[tuple[Int[Tensor, "b g p"], Float[Tensor, "b g p"], Float[Tensor, "b g p"], Float[Tensor, "b g p"]]]:
    """The four neighbours of every position: which pixel, its share, and the share's slopes along y and x."""
    (height, width), (taps_y, taps_x), (rows, columns) = image.shape[-2:], weight.shape[-2:], offset.shape[-2:]
    shift = rearrange(offset, "b (g k yx) h w -> yx b g k h w", k=taps_y * taps_x, yx=2)
    tap_y = count(taps_y, offset).repeat_interleave(taps_x)[:, None, None] * dilation - padding
    tap_x = count(taps_x, offset).repeat(taps_y)[:, None, None] * dilation - padding
    y = count(rows, offset)[:, None] * stride + tap_y + shift[0]
    x = count(columns, offset) * stride + tap_x + shift[1]
    upper, left = y.floor(), x.floor()
    for corner_y, share_y, slope_y in ((upper, upper + 1 - y, -1), (upper + 1, y - upper, 1)):
        for corner_x, share_x, slope_x in ((left, left + 1 - x, -1), (left + 1, x - left, 1)):
            inside = (corner_y >= 0) & (corner_y < height) & (corner_x >= 0) & (corner_x < width)
            # what is no number stays none in the shares, but must not look beyond the table
            row = corner_y.clamp(0, height - 1).nan_to_num().long()
            column = corner_x.clamp(0, width - 1).nan_to_num().long()
            values = (
                row * width + column,
                share_y * share_x * inside,
                share_x * inside * slope_y,
                share_y * inside * slope_x,
            )
            place, share, along_y, along_x = (rearrange(value, "b g k h w -> b g (k h w)") for value in values)
            yield place, share, along_y, along_x


def count(length: int, like: Tensor) -> Float[Tensor, " {length}"]:
    return torch.arange(length, dtype=like.dtype, device=like.device)
