"""RGB to planes of luma and chroma in one pass, translated to machine code by Numba; the filters are those of
``pixels``."""

from typing import no_type_check

import numpy as np
from jaxtyping import Float
from numba import float32, int32, uint32
from torch import Tensor

from stvsr.ops.machine_code import compiled, in_bands, inlined


def yuv_planes(
    image: Float[Tensor, "3 h w"],
    weights: tuple[float, float],
    levels: tuple[float, float, float, float],
    *,
    bits: int,
    halvings: tuple[int, int],
) -> list[np.ndarray]:
    """Luma, blue and red difference. weights: of red and blue in luma. levels: as ``pixels.levels`` gives them.
    halvings: of chroma, across and down; 0 or 1."""
    (red, blue), (black, white, grey, swing), (across, down) = weights, levels, halvings
    height, width = image.shape[1:]
    kind = np.uint8 if bits == 8 else np.uint16
    rows, columns = -(-height // 2**down), -(-width // 2**across)
    luma, cb, cr = np.empty((height, width), kind), np.empty((rows, columns), kind), np.empty((rows, columns), kind)
    gains = white - black, swing / (2 - 2 * blue), swing / (2 - 2 * red)
    numbers = np.array([red, 1 - red - blue, blue, black, grey, 2**bits - 1, *gains], np.float32)
    in_bands(convert, rows, image.float().contiguous().numpy(), luma, cb, cr, numbers, across, down)
    return [luma, cb, cr]


@compiled
@no_type_check  # it keeps the tests' shape checker from wrapping what Numba reads
def convert(first, last, image, luma, cb, cr, numbers, across, down):
    """Some rows of chroma, and the rows of luma that belong to them."""
    red, green, blue, black, grey, peak, luma_gain, cb_gain, cr_gain = numbers
    height, width = luma.shape
    # blue and red without luma, with two more values at either end
    lines = np.empty((2, width + 4), np.float32)
    for row in range(first, last):
        lines[:] = 0
        for tap in range(4 if down else 1):
            y = 2 * row - 1 + tap if down else row
            share = (float32(0.75) if tap in (1, 2) else float32(-0.25)) if down else float32(1)
            own = not down or (tap in (1, 2) and y < height)
            y = min(max(y, 0), height - 1)
            reds, greens, blues, line = image[0, y], image[1, y], image[2, y], luma[y]
            for x in range(width):
                i = uint32(x)
                r, g, b = unit(reds[i]), unit(greens[i]), unit(blues[i])
                light = red * r + green * g + blue * b
                lines[0, i + uint32(2)] += share * (b - light)
                lines[1, i + uint32(2)] += share * (r - light)
                if own:
                    line[i] = level(luma_gain * light + black, peak)
        for plane in range(2):
            line, target, gain = lines[plane], (cb if plane == 0 else cr)[row], cb_gain if plane == 0 else cr_gain
            line[1], line[0] = line[2 + min(1, width - 1)], line[2 + min(2, width - 1)]  # mirrored
            line[width + 2] = line[width + 3] = line[width + 1]  # repeated
            for x in range(target.size):
                if across:
                    i = uint32(2 * x)
                    value = float32(0.75) * line[i + uint32(2)]
                    value += float32(0.25) * (line[i + uint32(1)] + line[i + uint32(3)])
                    value -= float32(0.125) * (line[i] + line[i + uint32(4)])
                else:
                    value = line[uint32(x) + uint32(2)]
                target[uint32(x)] = level(gain * value + grey, peak)


@inlined
@no_type_check
def unit(value):
    """Cut off at 0 and 1."""
    value = value if value > float32(0) else float32(0)
    return value if value < float32(1) else float32(1)


@inlined
@no_type_check
def level(value, peak):
    """The nearest whole number from 0 to the peak."""
    value = value if value > float32(0) else float32(0)
    return int32(np.rint(value if value < peak else peak))
