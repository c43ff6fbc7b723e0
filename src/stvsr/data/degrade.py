"""How a large frame becomes the small one a network sees."""

from fractions import Fraction
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from stvsr.ops.resize import resize


@runtime_checkable
class Degradation(Protocol):
    """What makes the input of a network out of large frames, where bicubic alone will not do."""

    def __call__(
        self, frames: Float[Tensor, "t c H W"], scale: int, random: np.random.Generator
    ) -> Float[Tensor, "t c h w"]:
        """The frames of one clip, in [0, 1], smaller by ``scale``; the outcome depends on ``random`` alone."""
        ...


def shrink(frames: Float[Tensor, "*n h w"], scale: int) -> Float[Tensor, "*n h2 w2"]:
    """MATLAB bicubic by 1/scale, then rounded to 8 bits as a file would hold it. Values in [0, 1] in and out."""
    return round_to_8_bits(resize(frames, Fraction(1, scale)))


def round_to_8_bits(frames: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """Clamp to [0, 1] and round to multiples of 1/255."""
    return frames.clamp(0, 1).mul(255).round().div(255)


def to_bytes(frames: Float[Tensor, "*n"]) -> UInt8[Tensor, "*n"]:
    """[0, 1] to 0 ... 255, rounded."""
    return frames.clamp(0, 1).mul(255).round().to(torch.uint8)


def from_bytes(frames: UInt8[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """0 ... 255 to [0, 1]."""
    return frames.float().div(255)
