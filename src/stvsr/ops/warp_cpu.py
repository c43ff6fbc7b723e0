"""Warping on the CPU, translated to machine code by Numba: each pixel of the flow is looked at once, and no tables of
places and weights are made."""

from collections.abc import Callable
from functools import cache
from typing import no_type_check

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numba import float32, int32, uint32, uint64
from torch import Tensor

from stvsr.ops.machine_code import compiled, in_bands


def backward_warp(image: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b d h w"]:
    """Both fp32. The result lies channels last."""
    return by_rows(blend_rows, image, flow)


def warp_phases(
    phases: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"], scale: int, gain: float
) -> Float[Tensor, "b d h w"]:
    """Both fp32. The result lies channels last; the enlarged image is never unfolded."""
    return by_rows(warp_blocks(scale), phases, flow, gain)


def by_rows(
    warp: Callable[..., None], maps: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"], *more: float
) -> Float[Tensor, "b d h w"]:
    """What a loop over rows, one of those below, makes of maps and flow."""
    pixels = rearrange(maps, "b d h w -> b h w d").contiguous()
    count, height, width, depth = pixels.shape
    out = torch.empty_like(pixels)
    arrays = pixels.view(-1).numpy(), flow.contiguous().numpy(), out.view(-1).numpy()
    in_bands(warp, count * height, *arrays, height, width, depth, *more)
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
def warp_blocks(scale: int):
    """For one scale, so that the loops over a block have an end that is known when they are translated."""
    side, phases = scale + 1, scale * scale

    @compiled
    @no_type_check
    def warp_rows(first, last, pixels, flow, out, height, width, depth, gain):
        """The blocks of some rows, counted through all items. Flat numbers of pixel, colour, row and column within the
        block."""
        most_y, most_x, gain = height * scale - 1, width * scale - 1, float32(gain)
        # so far beyond the border all is the border
        before, behind_y, behind_x = float32(-side), float32(most_y + side), float32(most_x + side)
        # what a block looks at, and where that lies
        patch, lines, columns = np.empty(side * side, np.float32), np.empty(side, np.uint32), np.empty(side, np.uint32)
        for line in range(first, last):
            item, row = line // height, line % height
            start = item * height * width * depth
            for column in range(width):
                x = float32(scale) * (float32(column) + flow[item, 0, row, column])
                y = float32(scale) * (float32(row) + flow[item, 1, row, column])
                x, y = x if x == x else float32(0), y if y == y else float32(0)
                x, y = x if x > before else before, y if y > before else before
                x, y = x if x < behind_x else behind_x, y if y < behind_y else behind_y
                left, top = int32(np.floor(x)), int32(np.floor(y))
                share_x, share_y = x - float32(left), y - float32(top)
                for i in range(side):
                    large = top + i
                    large = uint32(0 if large < 0 else large if large < most_y else most_y)
                    lines[i] = large // uint32(scale) * uint32(width * depth) + large % uint32(scale) * uint32(scale)
                    large = left + i
                    large = uint32(0 if large < 0 else large if large < most_x else most_x)
                    columns[i] = large // uint32(scale) * uint32(depth) + large % uint32(scale)
                place = start + (row * width + column) * depth
                for plane in range(uint32(0), uint32(depth), uint32(phases)):
                    source, target = pixels[start + plane :], out[place + plane : place + plane + phases]
                    for j in range(side):
                        for i in range(side):
                            patch[uint32(j * side + i)] = source[lines[j] + columns[i]]
                    for j in range(scale):
                        for i in range(scale):
                            upper, lower = uint32(j * side + i), uint32(j * side + side + i)
                            above = patch[upper] + share_x * (patch[upper + uint32(1)] - patch[upper])
                            beneath = patch[lower] + share_x * (patch[lower + uint32(1)] - patch[lower])
                            target[uint32(j * scale + i)] = gain * (above + share_y * (beneath - above))

    return warp_rows
