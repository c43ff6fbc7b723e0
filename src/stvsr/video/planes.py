"""RGB to planes of luma and chroma and back, each in one pass, translated to machine code by Numba; the filters are
those of ``pixels``."""

from typing import no_type_check

import numpy as np
import torch
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
    # blue and red without luma, with two more values at either end, and cut into every other one
    lines = np.empty((2, width + 5), np.float32)
    evens, odds = np.empty(cb.shape[1] + 2, np.float32), np.empty(cb.shape[1] + 2, np.float32)
    for row in range(first, last):
        lines[:] = 0
        for tap in range(4 if down else 1):
            y = 2 * row - 1 + tap if down else row
            share = (float32(0.75) if tap in (1, 2) else float32(-0.25)) if down else float32(1)
            own = not down or (tap in (1, 2) and y < height)
            y = 0 if y < 0 else y if y < height else height - 1
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
            line[1] = line[3] if width > 1 else line[2]  # mirrored
            line[0] = line[4] if width > 2 else line[1]
            line[width + 2] = line[width + 3] = line[width + 1]  # repeated
            if across:
                for x in range(evens.size):
                    i = uint32(x)
                    evens[i], odds[i] = line[uint32(2) * i], line[uint32(2) * i + uint32(1)]
                for x in range(target.size):
                    i = uint32(x)
                    value = float32(0.75) * evens[i + uint32(1)] + float32(0.25) * (odds[i] + odds[i + uint32(1)])
                    value -= float32(0.125) * (evens[i] + evens[i + uint32(2)])
                    target[i] = level(gain * value + grey, peak)
            else:
                for x in range(target.size):
                    target[uint32(x)] = level(gain * line[uint32(x) + uint32(2)] + grey, peak)


def rgb_image(
    planes: list[np.ndarray],
    weights: tuple[float, float],
    levels: tuple[float, float, float, float],
    *,
    size: tuple[int, int],
    halvings: tuple[int, int],
) -> Float[Tensor, "3 h w"]:
    """The way back, cut off at 0 and 1. planes: luma, blue and red difference, whose rows may go on beyond the
    picture's size; else as above."""
    (red, blue), (black, white, grey, swing), (across, down) = weights, levels, halvings
    green = 1 - red - blue
    shares = 2 - 2 * red, (2 - 2 * red) * red / green, (2 - 2 * blue) * blue / green, 2 - 2 * blue
    numbers = np.array([black, white - black, grey, swing, *shares], np.float32)
    image = torch.empty(3, *size)
    in_bands(restore, size[0], *planes, numbers, across, down, image.numpy())
    return image


@compiled
@no_type_check
def restore(first, last, luma, cb, cr, numbers, across, down, image):
    """Some rows of the picture."""
    black, light_swing, grey, swing, red_cr, green_cr, green_cb, blue_cb = numbers
    _, height, width = image.shape
    rows, columns = (height + down) >> down, (width + across) >> across
    # blue and red difference, and both at the places of luma
    halves, lines = np.empty((2, columns + 1), np.float32), np.empty((2, 2 * columns), np.float32)
    for y in range(first, last):
        near = y >> down
        far = near + 2 * (y & 1) - 1 if down else near
        far = far if 0 <= far < rows else near  # the border is repeated
        for plane in range(2):
            source, half, line = cb if plane == 0 else cr, halves[plane], lines[plane]
            nears, fars = source[near], source[far]
            for x in range(columns):
                i = uint32(x)
                value = float32(0.75) * float32(nears[i]) + float32(0.25) * float32(fars[i])
                half[i] = (value - grey) / swing
            half[columns] = half[columns - 1]
            if across:
                for x in range(columns):
                    i = uint32(x)
                    line[uint32(2) * i] = half[i]
                    line[uint32(2) * i + uint32(1)] = float32(0.5) * (half[i] + half[i + uint32(1)])
        b_line, r_line = (lines[0], lines[1]) if across else (halves[0], halves[1])
        lights, reds, greens, blues = luma[y], image[0, y], image[1, y], image[2, y]
        for x in range(width):
            i = uint32(x)
            light, b, r = (float32(lights[i]) - black) / light_swing, b_line[i], r_line[i]
            reds[i] = unit(light + red_cr * r)
            greens[i] = unit(light - green_cr * r - green_cb * b)
            blues[i] = unit(light + blue_cb * b)


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
