"""Warping on the CPU, translated to machine code by Numba: each pixel of the flow is looked at once, and no tables of
places and weights are made."""

from functools import cache
from typing import no_type_check

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numba import float32, int32, uint64
from torch import Tensor

from stvsr.ops.lanes import load, plus, scaled, store
from stvsr.ops.machine_code import compiled, in_bands


def backward_warp(image: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b d h w"]:
    """Both fp32. The result lies channels last."""
    pixels = rearrange(image, "b d h w -> b h w d").contiguous()
    count, height, width, depth = pixels.shape
    out = torch.empty_like(pixels)
    arrays = pixels.view(-1).numpy(), flow.contiguous().numpy(), out.view(-1).numpy()
    in_bands(blend_rows, count * height, *arrays, height, width, depth)
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
    in_bands(unfold, count * height, pixels.view(-1).numpy(), large.view(-1).numpy(), height, width, colours)
    large[..., :side, :], large[..., -side:, :] = large[..., side, None, :], large[..., -side - 1, None, :]
    arrays = large.view(-1).numpy(), flow.contiguous().numpy(), out.view(-1).numpy()
    in_bands(warp, count * height, *arrays, height, width, colours, gain)
    return rearrange(out, "b h w d -> b d h w")


# Numba reads what follows; no_type_check keeps the tests' shape checker from wrapping it. Indices are unsigned, because
# Numba asks of every signed one whether it counts from the end. A flow that is no number looks at 0: an index made of
# it would read memory that is not ours. Numba translates a min or a max anew for each kind of number, a fortieth of a
# second each at the very first start: conditions cost nothing.


@compiled
@no_type_check
def blend_rows(first, last, pixels, flow, out, height, width, depth):
    """Some rows, counted through all items: of each pixel, the four that it looks between."""
    across, down = uint64(depth if width > 1 else 0), uint64(width * depth if height > 1 else 0)
    most_x, most_y = float32(width - 1), float32(height - 1)
    last_left, last_top = width - 2 if width > 1 else 0, height - 2 if height > 1 else 0
    for line in range(first, last):
        item, row = line // height, line % height
        start = item * height * width * depth
        for column in range(width):
            x, y = float32(column) + flow[item, 0, row, column], float32(row) + flow[item, 1, row, column]
            x, y = x if x > 0 else float32(0), y if y > 0 else float32(0)  # what is no number, too
            x, y = x if x < most_x else most_x, y if y < most_y else most_y
            left, top = int32(x), int32(y)
            left, top = left if left < last_left else last_left, top if top < last_top else last_top
            right, below = x - float32(left), y - float32(top)
            shares = (1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below
            place, corner = start + (row * width + column) * depth, start + (top * width + left) * depth
            for i in range(uint64(corner), uint64(corner + depth)):
                above = shares[0] * pixels[i] + shares[1] * pixels[i + across]
                out[uint64(place)] = above + shares[2] * pixels[i + down] + shares[3] * pixels[i + down + across]
                place += 1


@cache
def loops_over_blocks(scale: int):
    """For one scale, which is then known when they are translated: one that unfolds, one that warps."""
    side, phases = scale + 1, scale * scale

    @compiled
    @no_type_check
    def unfold_rows(first, last, folded, large, height, width, colours):
        """Some rows, counted through all items, of flat numbers of pixel, colour, row and column within the block; to
        planes of large pixels, with ``side`` of them on both sides, and room for as many above and below."""
        across, down = width * scale + 2 * side, height * scale + 2 * side
        for line in range(first, last):
            item, row = line // height, line % height
            for colour in range(colours):
                for j in range(scale):
                    place = uint64((((item * colours + colour) * down + side + row * scale + j) * across) + side)
                    source = uint64((line * width * colours + colour) * phases + j * scale)
                    for _ in range(width):
                        store(large, place, load(folded, source, scale))
                        source, place = source + uint64(colours * phases), place + uint64(scale)
                    begin = place - uint64(width * scale)
                    for i in range(uint64(1), uint64(side + 1)):  # the edge is repeated
                        large[begin - i], large[place + i - uint64(1)] = large[begin], large[place - uint64(1)]

    @compiled
    @no_type_check
    def warp_rows(first, last, large, flow, out, height, width, colours, gain):
        """The blocks of some rows, counted through all items, out of such planes; folded again."""
        across, down = width * scale + 2 * side, height * scale + 2 * side
        # so far beyond the border all is the border
        before, most_x, most_y = float32(-side), float32(width * scale), float32(height * scale)
        place = uint64(first * width * colours * phases)
        for line in range(first, last):
            item, row = line // height, line % height
            for column in range(width):
                x = float32(scale) * (float32(column) + flow[item, 0, row, column])
                y = float32(scale) * (float32(row) + flow[item, 1, row, column])
                x, y = x if x == x else float32(0), y if y == y else float32(0)
                x, y = x if x > before else before, y if y > before else before
                x, y = x if x < most_x else most_x, y if y < most_y else most_y
                left, top = int32(np.floor(x)), int32(np.floor(y))
                right, below = x - float32(left), float32(gain) * (y - float32(top))
                here, above = float32(1) - right, float32(gain) - below
                corner = (item * colours * down + top + side) * across + left + side
                for colour in range(colours):
                    at = uint64(corner + colour * down * across)
                    upper = plus(
                        scaled(load(large, at, scale), here), scaled(load(large, at + uint64(1), scale), right)
                    )
                    for _ in range(scale):
                        at += uint64(across)
                        lower = plus(
                            scaled(load(large, at, scale), here), scaled(load(large, at + uint64(1), scale), right)
                        )
                        store(out, place, plus(scaled(upper, above), scaled(lower, below)))
                        upper, place = lower, place + uint64(scale)

    return unfold_rows, warp_rows
