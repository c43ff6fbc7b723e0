"""Warping on the CPU, translated to machine code by Numba: each pixel of the flow is looked at once, and no tables of
places and weights are made."""

from functools import cache
from typing import no_type_check

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numba import float32, int64
from torch import Tensor

from stvsr.ops.lanes import load, plus, scaled, store
from stvsr.ops.machine_code import FP32, OverMemory, in_bands


def backward_warp(image: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b d h w"]:
    """Both fp32. The result lies channels last."""
    pixels = rearrange(image, "b d h w -> b h w d").contiguous()
    count, height, width, depth = pixels.shape
    out = torch.empty_like(pixels)
    in_bands(blend_rows, count * height, pixels, flow.contiguous(), out, height, width, depth)
    return rearrange(out, "b h w d -> b d h w")


def warp_phases(
    phases: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"], scale: int, gain: float
) -> Float[Tensor, "b d h w"]:
    """Both fp32. The result lies channels last. Unfolded, a block's rows are neighbours wherever it looks."""
    pixels = rearrange(phases, "b d h w -> b h w d").contiguous()
    count, height, width, depth = pixels.shape
    unfold, warp = loops_over_blocks(scale)
    colours, side, out = depth // scale**2, scale + 1, torch.empty_like(pixels)
    large = pixels.new_empty(count, colours, height * scale + 2 * side, width * scale + 2 * side)
    in_bands(unfold, count * height, pixels, large, height, width, colours)
    large[..., :side, :], large[..., -side:, :] = large[..., side, None, :], large[..., -side - 1, None, :]
    in_bands(warp, count * height, large, flow.contiguous(), out, height, width, colours, gain)
    return rearrange(out, "b h w d -> b d h w")


# Numba reads what follows; no_type_check keeps the tests' shape checker from wrapping it. A flow that is no number
# looks at 0: an index made of it would read memory that is not ours. Numba translates a min or a max anew for each kind
# of number, a fortieth of a second each at the very first start: conditions cost nothing.


@OverMemory
@no_type_check
def blend_rows(
    first: int64, last: int64, pixels: FP32, flow: FP32, out: FP32, height: int64, width: int64, depth: int64
):
    """Some rows, counted through all items: of each pixel, the four that it looks between."""
    across, down = depth if width > 1 else 0, width * depth if height > 1 else 0
    most_x, most_y = float32(width - 1), float32(height - 1)
    last_left, last_top = width - 2 if width > 1 else 0, height - 2 if height > 1 else 0
    place = first * width * depth
    for line in range(first, last):
        item, row = line // height, line % height
        along = (item * height + line) * width  # the flow's x; its y is a picture further on
        for column in range(width):
            x = float32(column) + flow[along + column]
            y = float32(row) + flow[along + height * width + column]
            x, y = x if x > 0 else float32(0), y if y > 0 else float32(0)  # what is no number, too
            x, y = x if x < most_x else most_x, y if y < most_y else most_y
            left, top = int64(x), int64(y)
            left, top = left if left < last_left else last_left, top if top < last_top else last_top
            right, below = x - float32(left), y - float32(top)
            above = float32(1) - below
            shares = (1 - right) * above, right * above, (1 - right) * below, right * below
            corner = ((item * height + top) * width + left) * depth
            for i in range(corner, corner + depth):
                upper = shares[0] * pixels[i] + shares[1] * pixels[i + across]
                out[place] = upper + shares[2] * pixels[i + down] + shares[3] * pixels[i + down + across]
                place += 1


@cache
def loops_over_blocks(scale: int):
    """For one scale, which is then known when they are translated: one that unfolds, one that warps."""
    side, phases = scale + 1, scale * scale

    @OverMemory
    @no_type_check
    def unfold_rows(first: int64, last: int64, folded: FP32, large: FP32, height: int64, width: int64, colours: int64):
        """Some rows, counted through all items, of pixel, colour, row and column within the block; to planes of large
        pixels, with ``side`` of them on both sides, and room for as many above and below."""
        across, down = width * scale + 2 * side, height * scale + 2 * side
        for line in range(first, last):
            item, row = line // height, line % height
            for colour in range(colours):
                for j in range(scale):
                    begin = (((item * colours + colour) * down + side + row * scale + j) * across) + side
                    place, source = begin, (line * width * colours + colour) * phases + j * scale
                    for _ in range(width):
                        store(large, place, load(folded, source, scale))
                        source, place = source + colours * phases, place + scale
                    for i in range(side):  # the edge is repeated
                        large[begin - 1 - i], large[place + i] = large[begin], large[place - 1]

    @OverMemory
    @no_type_check
    def warp_rows(
        first: int64, last: int64, large: FP32, flow: FP32, out: FP32,
        height: int64, width: int64, colours: int64, gain: float32,
    ):  # fmt: skip
        """The blocks of some rows, counted through all items, out of such planes; folded again."""
        across, down = width * scale + 2 * side, height * scale + 2 * side
        # so far beyond the border all is the border
        before, most_x, most_y = float32(-side), float32(width * scale), float32(height * scale)
        place = first * width * colours * phases
        for line in range(first, last):
            item, row = line // height, line % height
            along = (item * height + line) * width  # the flow's x; its y is a picture further on
            for column in range(width):
                x = float32(scale) * (float32(column) + flow[along + column])
                y = float32(scale) * (float32(row) + flow[along + height * width + column])
                x, y = x if x == x else float32(0), y if y == y else float32(0)
                x, y = x if x > before else before, y if y > before else before
                x, y = x if x < most_x else most_x, y if y < most_y else most_y
                left, top = int64(np.floor(x)), int64(np.floor(y))
                right, below = x - float32(left), gain * (y - float32(top))
                here, above = float32(1) - right, gain - below
                corner = (item * colours * down + top + side) * across + left + side
                for colour in range(colours):
                    at = corner + colour * down * across
                    upper = plus(scaled(load(large, at, scale), here), scaled(load(large, at + 1, scale), right))
                    for _ in range(scale):
                        at += across
                        lower = plus(scaled(load(large, at, scale), here), scaled(load(large, at + 1, scale), right))
                        store(out, place, plus(scaled(upper, above), scaled(lower, below)))
                        upper, place = lower, place + scale

    return unfold_rows, warp_rows
