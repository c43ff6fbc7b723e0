"""``enlarged_with`` on the CPU, translated to machine code by Numba: each frame is enlarged and added up where it will
lie, some rows at a time."""

from functools import cache
from typing import no_type_check

import numpy as np
from einops import rearrange
from jaxtyping import Float
from numba import uint64
from torch import Tensor

from stvsr.ops.lanes import load, plus, scaled, store
from stvsr.ops.machine_code import compiled, in_bands, inlined
from stvsr.ops.resize import phase_weights


def enlarge_into(
    frames: Float[Tensor, "b c H W"], detail: Float[Tensor, "b d h w"], picture: Float[Tensor, "b c h w"], scale: int
) -> None:
    """Write the enlarged picture plus the pixel shuffle of the detail. All are fp32; each frame is contiguous."""
    folded = rearrange(detail, "b d h w -> b (h w d)").contiguous().numpy()
    picture, weights = picture.contiguous(), phase_weights(scale)
    across = rearrange(weights, "phase tap -> (tap phase)").contiguous().numpy()
    for item, frame in enumerate(frames):
        arrays = folded[item], picture[item].numpy(), frame.view(-1).numpy()
        in_bands(enlarge_rows(scale), picture.shape[2], *arrays, weights.numpy(), across)


@inlined
@no_type_check
def mirrored(index, count):
    """Beyond the border, the edge repeats and the rest is seen backwards."""
    index %= 2 * count
    return index if index < count else 2 * count - 1 - index


@cache
def enlarge_rows(scale: int):
    """For one scale, which is then known when it is translated."""

    @compiled
    @no_type_check  # it keeps the tests' shape checker from wrapping what Numba reads
    def rows(first, last, detail, picture, frame, weights, across):
        """Some small rows. detail: flat numbers of pixel, colour, row and column within the block; frame: flat, too.
        weights: of five neighbours for each large row of a block; across: of each of the five, flat, for all columns of
        a block. Unsigned indices never count from the end."""
        colours, height, width = picture.shape
        depth, reach = uint64(colours * scale * scale), weights.shape[1] // 2
        tall = np.empty(width + 2 * reach, np.float32)
        for row in range(first, last):
            for colour in range(colours):
                for y in range(scale):
                    tall[:] = 0
                    for tap in range(2 * reach + 1):
                        weight, line = weights[y, tap], picture[colour, mirrored(row + tap - reach, height)]
                        for column in range(uint64(width)):
                            tall[column + uint64(reach)] += weight * line[column]
                    for far in range(1, reach + 1):
                        tall[reach - far] = tall[reach + mirrored(-far, width)]
                        tall[reach + width - 1 + far] = tall[reach + mirrored(width - 1 + far, width)]
                    source = uint64(row * width) * depth + uint64((colour * scale + y) * scale)
                    place = uint64(((colour * height + row) * scale + y) * width * scale)
                    for column in range(uint64(width)):
                        large = load(detail, source, scale)
                        for tap in range(uint64(weights.shape[1])):
                            large = plus(large, scaled(load(across, tap * uint64(scale), scale), tall[column + tap]))
                        store(frame, place, large)
                        source, place = source + depth, place + uint64(scale)

    return rows
