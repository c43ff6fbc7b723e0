"""``enlarged_with`` on the CPU, translated to machine code by Numba: each frame is enlarged and added up where it will
lie, some rows at a time."""

from functools import cache
from typing import no_type_check

from einops import rearrange
from jaxtyping import Float
from numba import int64
from torch import Tensor

from stvsr.ops.lanes import load, plus, scaled, store
from stvsr.ops.machine_code import FP32, OverMemory, in_bands, inlined
from stvsr.ops.resize import phase_weights


def enlarge_into(
    frames: Float[Tensor, "b c H W"], detail: Float[Tensor, "b d h w"], picture: Float[Tensor, "b c h w"], scale: int
) -> None:
    """Write the enlarged picture plus the pixel shuffle of the detail. All are fp32; each frame is contiguous."""
    folded = rearrange(detail, "b d h w -> b h w d").contiguous()
    picture, weights = picture.contiguous(), phase_weights(scale)
    across = rearrange(weights, "phase tap -> tap phase").contiguous()
    _, colours, height, width = picture.shape
    desks = picture.new_empty(height, width + weights.shape[1] - 1)
    for item, frame in enumerate(frames):
        memory = folded[item], picture[item], frame.view(-1), desks, weights, across
        in_bands(enlarge_rows(scale), height, *memory, colours, height, width, weights.shape[1])


@inlined
@no_type_check
def mirrored(index, count):
    """Beyond the border, the edge repeats and the rest is seen backwards."""
    index %= 2 * count
    return index if index < count else 2 * count - 1 - index


@cache
def enlarge_rows(scale: int):
    """For one scale, which is then known when it is translated."""

    @OverMemory
    @no_type_check  # it keeps the tests' shape checker from wrapping what Numba reads
    def rows(
        first: int64, last: int64, detail: FP32, picture: FP32, frame: FP32, desks: FP32, weights: FP32, across: FP32,
        colours: int64, height: int64, width: int64, taps: int64,
    ):  # fmt: skip
        """Some small rows. detail: of pixel, colour, row and column within the block. desks: a row of the picture and
        its borders for each row. weights: of the neighbours for each large row of a block; across: of each neighbour,
        for all columns of a block."""
        depth, reach = colours * scale * scale, taps // 2
        start = first * (width + 2 * reach)
        tall = start + reach
        for row in range(first, last):
            for colour in range(colours):
                for y in range(scale):
                    for column in range(width):
                        desks[tall + column] = 0
                    for tap in range(taps):
                        weight = weights[y * taps + tap]
                        line = (colour * height + mirrored(row + tap - reach, height)) * width
                        for column in range(width):
                            desks[tall + column] += weight * picture[line + column]
                    for far in range(1, reach + 1):
                        desks[tall - far] = desks[tall + mirrored(-far, width)]
                        desks[tall + width - 1 + far] = desks[tall + mirrored(width - 1 + far, width)]
                    source = row * width * depth + (colour * scale + y) * scale
                    place = ((colour * height + row) * scale + y) * width * scale
                    for column in range(width):
                        large = load(detail, source, scale)
                        for tap in range(taps):
                            large = plus(large, scaled(load(across, tap * scale, scale), desks[start + column + tap]))
                        store(frame, place, large)
                        source, place = source + depth, place + scale

    return rows
