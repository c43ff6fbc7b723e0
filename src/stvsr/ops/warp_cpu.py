"""``warp_phases`` on the CPU, translated to machine code by Numba: the enlarged image is never unfolded, and the four
weights of a block are worked out once."""

from typing import no_type_check

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from numba import float32, int32, uint32
from numpy import ndarray
from torch import Tensor

from stvsr.ops.machine_code import compiled, in_bands


def warp_phases(
    phases: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"], scale: int, gain: float
) -> Float[Tensor, "b d h w"]:
    """Both fp32. The result lies channels last."""
    pixels = rearrange(phases, "b d h w -> b h w d").contiguous()
    out = torch.empty_like(pixels)
    count, height, width, depth = pixels.shape
    offsets = flow.nan_to_num(0).contiguous().numpy()  # an index made of a NaN would read memory that is not ours
    down, across = places(height, scale, width * depth, scale), places(width, scale, depth, 1)
    for item in range(count):
        arrays = (pixels[item].view(-1).numpy(), offsets[item], out[item].view(-1).numpy(), down, across)
        in_bands(warp_rows, height, *arrays, width, depth // scale**2, scale, gain)
    return rearrange(out, "b h w d -> b d h w")


def places(side: int, scale: int, block_step: int, step: int) -> ndarray:
    """Where the large rows (or columns) lie among the folded numbers."""
    large = torch.arange(side * scale, dtype=torch.int32)
    return (large // scale * block_step + large % scale * step).numpy()


# Numba reads what follows; no_type_check keeps the tests' shape checker from wrapping it. Indices are unsigned, because
# Numba asks of every signed one whether it counts from the end.


@compiled
@no_type_check
def warp_rows(first, last, pixels, flow, out, down, across, width, colours, scale, gain):
    """The blocks of some rows. Flat numbers of pixel, colour, row and column within the block."""
    side, phases, depth = scale + 1, uint32(scale * scale), uint32(colours * scale * scale)
    most_y, most_x, gain = down.size - 1, across.size - 1, float32(gain)
    # what a block looks at, and where that lies
    patch, lines, columns = np.empty(side * side, np.float32), np.empty(side, np.uint32), np.empty(side, np.uint32)
    for row in range(first, last):
        for column in range(width):
            x = float32(scale) * (float32(column) + flow[0, row, column])
            y = float32(scale) * (float32(row) + flow[1, row, column])
            # far beyond the border all is the border
            x = min(max(x, float32(-side)), float32(most_x + side))
            y = min(max(y, float32(-side)), float32(most_y + side))
            left, top = int32(np.floor(x)), int32(np.floor(y))
            share_x, share_y = x - float32(left), y - float32(top)
            for i in range(side):
                lines[i] = down[uint32(min(max(top + i, 0), most_y))]
                columns[i] = across[uint32(min(max(left + i, 0), most_x))]
            place = uint32(row * width + column) * depth
            for plane in range(uint32(0), depth, phases):
                for j in range(side):
                    for i in range(side):
                        patch[uint32(j * side + i)] = pixels[lines[j] + plane + columns[i]]
                for j in range(scale):
                    for i in range(scale):
                        upper, lower = uint32(j * side + i), uint32(j * side + side + i)
                        above = patch[upper] + share_x * (patch[upper + uint32(1)] - patch[upper])
                        below = patch[lower] + share_x * (patch[lower + uint32(1)] - patch[lower])
                        out[place + plane + uint32(j * scale + i)] = gain * (above + share_y * (below - above))
