"""From features to a picture several times their size: the pixel-shuffle tail, and the picture it adds to.

See ``stvsr.clip`` for the letters.
"""

from fractions import Fraction
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import keep_power, start_small
from stvsr.ops.resize import enlarge_phases


class ShuffleTail(nn.Module):
    """Convolution to four times the features and pixel shuffle, as often as ``scale`` is a power of two; then
    convolution, convolution to colour. LeakyReLU (0.1) between."""

    def __init__(self, width: int, *, scale: int) -> None:
        super().__init__()
        self.enlarge = nn.ModuleList(nn.Conv2d(width, 4 * width, 3, padding=1) for _ in range(scale.bit_length() - 1))
        self.refine = nn.Conv2d(width, width, 3, padding=1)
        self.exit = nn.Conv2d(width, 3, 3, padding=1)
        keep_power(self)
        start_small(self.exit)

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n c H W"]:
        for enlarge in self.enlarge:
            # the shuffle only moves numbers, so the activation may come first, in place
            feat = F.pixel_shuffle(F.leaky_relu_(enlarge(feat), 0.1), 2)
        return self.exit(F.leaky_relu_(self.refine(feat), 0.1))


def bicubic_base(clip: Float[Tensor, "b t c h w"], time: Fraction | float, scale: int) -> Float[Tensor, "b c H W"]:
    """The picture under a residual, ``scale`` times larger: the input frame, or the mean of the two around ``time``,
    which is midway."""
    frame = torch.lerp(clip[:, int(time)], clip[:, ceil(time)], 0.5)
    return F.pixel_shuffle(enlarge_phases(frame, scale), scale)
