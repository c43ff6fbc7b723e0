"""Which pieces of footage teach something: those that hold together in time, with texture, and with motion of a few
pixels. Measured on small grey pictures, without optical flow."""

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

GRID = 4
"""Pictures are looked at this much smaller; motion is counted in pixels of that size."""
THUMBNAIL = 32
"""Longer side of the pictures that cuts are looked for in."""
BINS = 16
# Least unlikeness, and its least ratio to the other steps, of cuts in wild and in calm scenes. Of the windows of 7
# frames in a battle film and 30 clips of one shot each, these refuse all 173 with a cut and 76 of 2756 without.
CUTS = ((0.20, 1.5), (0.06, 2.5))
BEST_WORTH = 1.9


def steady(frames: UInt8[Tensor, "s c h w"]) -> bool:
    """Whether the frames lie within one shot and none of them is shown twice while the others move on."""
    steps = unlikeness(frames)
    if len(steps) > 1:
        largest = steps.max()
        others = (steps.sum() - largest) / (len(steps) - 1) + 0.01  # 0.01: noise of a scene at rest
        if any(largest >= least and largest >= ratio * others for least, ratio in CUTS):
            return False
    # compression leaves a trace of a difference between two copies of a frame
    fine = (frames[1:, :, ::2, ::2].int() - frames[:-1, :, ::2, ::2].int()).abs().float().mean((1, 2, 3))
    return not len(fine) or bool(fine.median() < 0.5) or bool(fine.min() > 0.15 * fine.median())


def unlikeness(frames: UInt8[Tensor, "s c h w"]) -> Float[Tensor, " s2"]:
    """Of each frame to the one before: mean difference, and that of the histograms, which motion hardly changes."""
    height, width = (max(1, side * THUMBNAIL // max(frames.shape[-2:])) for side in frames.shape[-2:])
    small = F.adaptive_avg_pool2d(frames.float() / 255, (height, width))
    level = (small * (BINS - 0.01)).long().flatten(2)
    histograms = F.one_hot(level, BINS).float().mean(2)
    return small.diff(dim=0).abs().mean((1, 2, 3)) + histograms.diff(dim=0).abs().sum((1, 2)) / 12


def choose_place(
    frames: UInt8[Tensor, "s c h w"], factor: int, size: tuple[int, int], random: np.random.Generator
) -> tuple[int, int] | None:
    """Top and left of a crop, drawn by what there is to learn; None where that is little, more often the less it is."""
    keys = shrunk(frames[::factor])
    if len(keys) < 2:
        return None
    difference = (keys[1:] - keys[:-1]).abs().mean(0, keepdim=True)
    rows, columns = (
        F.pad(keys, (0, 0, 0, 1), "replicate").diff(dim=-2),
        F.pad(keys, (0, 1, 0, 0), "replicate").diff(dim=-1),
    )
    slope = (rows.square() + columns.square()).sqrt().mean(0, keepdim=True)
    window, cell = windowing(size)
    # a picture that moves by v pixels along its slope changes by v times that slope
    motion = F.avg_pool2d(difference, window, cell) / (F.avg_pool2d(slope, window, cell) + 0.004)
    texture = texture_of(keys.mean(0, keepdim=True), window, cell)
    score = ((0.003 + texture) * worth(motion)).double()
    if random.random() > float((score * worth(motion)).sum() / score.sum()) / BEST_WORTH:
        return None
    place = int(random.choice(score.numel(), p=(score / score.sum()).flatten().numpy()))
    corner = (place // score.shape[-1] * cell * GRID, place % score.shape[-1] * cell * GRID)
    top, left = (
        min(start + int(random.integers(side // 2 + 1)), whole - side)
        for start, side, whole in zip(corner, size, frames.shape[-2:], strict=True)
    )
    return top, left


def worth(motion: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n h w"]:
    """Most is learned where an input frame moves by a few pixels; far motion is mostly blur and occlusion."""
    return 0.3 + motion / (1 + (motion / 3) ** 3)


def texture_of(small: Float[Tensor, "n c h w"], window: tuple[int, int], cell: int) -> Float[Tensor, "n c y x"]:
    """How far pixels lie from their neighbourhood's mean, over each window."""
    return F.avg_pool2d((small - F.avg_pool2d(small, 5, 1, 2)).abs(), window, cell)


def windowing(size: tuple[int, int]) -> tuple[tuple[int, int], int]:
    """The window of a crop of that size on the grid, and the distance of neighbouring windows."""
    window = (max(1, size[0] // GRID), max(1, size[1] // GRID))
    return window, min(max(min(window) // 2, 8), min(window))


def shrunk(frames: UInt8[Tensor, "s c h w"]) -> Float[Tensor, "s 1 y x"]:
    """Grey pictures in [0, 1], smaller by GRID."""
    return F.avg_pool2d(frames.float().mean(1, keepdim=True) / 255, GRID)
