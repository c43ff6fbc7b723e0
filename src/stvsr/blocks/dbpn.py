"""Deep back-projection: enlarge features, shrink them again, and let the error correct the enlargement, in turns
(Haris et al., Deep Back-Projection Networks for Super-Resolution, CVPR 2018, Section 3). One picture at a time: the
space half of STINet, and a space-only network by itself.

n any folded batch · d features · h w input size · H W output size.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stvsr.blocks.residual import JoiningConv


class DBPN(nn.Module):
    """Features of a picture at ``scale`` times its size. ``colour`` makes the enlarged picture of them.

    ``stages`` up-projections and one down-projection less; each sees all maps of its size that came before (D-DBPN).
    """

    def __init__(self, *, scale: int, width: int = 64, stages: int = 5) -> None:
        super().__init__()
        self.entry = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.PReLU(), nn.Conv2d(width, width, 1), nn.PReLU()
        )
        self.ups = nn.ModuleList(UpProjection(width, scale=scale) for _ in range(stages))
        self.downs = nn.ModuleList(DownProjection(width, scale=scale) for _ in range(stages - 1))
        self.merge_highs = nn.ModuleList(Merge(width, count=index + 1) for index in range(stages - 1))
        self.merge_lows = nn.ModuleList(Merge(width, count=index + 1) for index in range(stages - 1))
        self.exit = JoiningConv(stages * width, width, 3, padding=1)
        self.colour = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, frame: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d H W"]:
        highs, lows = [self.ups[0](self.entry(frame))], []
        turns = zip(self.merge_highs, self.downs, self.merge_lows, self.ups[1:], strict=True)
        for merge_highs, down, merge_lows, up in turns:
            lows.append(down(merge_highs(highs)))
            highs.append(up(merge_lows(lows)))
        return self.exit(*highs)


class UpProjection(nn.Module):
    """Enlarge; what shrinking that does not give back is enlarged too, and added."""

    def __init__(self, width: int, *, scale: int) -> None:
        super().__init__()
        self.enlarge = nn.Sequential(Enlarge(width, width, scale=scale), nn.PReLU())
        self.shrink = nn.Sequential(Shrink(width, width, scale=scale), nn.PReLU())
        self.correct = nn.Sequential(Enlarge(width, width, scale=scale), nn.PReLU())

    def forward(self, low: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d H W"]:
        high = self.enlarge(low)
        return high + self.correct(self.shrink(high) - low)


class DownProjection(nn.Module):
    """Shrink; what enlarging that does not give back is shrunk too, and added."""

    def __init__(self, width: int, *, scale: int) -> None:
        super().__init__()
        self.shrink = nn.Sequential(Shrink(width, width, scale=scale), nn.PReLU())
        self.enlarge = nn.Sequential(Enlarge(width, width, scale=scale), nn.PReLU())
        self.correct = nn.Sequential(Shrink(width, width, scale=scale), nn.PReLU())

    def forward(self, high: Float[Tensor, "n d H W"]) -> Float[Tensor, "n d h w"]:
        low = self.shrink(high)
        return low + self.correct(self.enlarge(low) - high)


class Merge(nn.Module):
    """Several maps to one, pixel by pixel; a single one passes."""

    def __init__(self, width: int, *, count: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Conv2d(count * width, width, 1), nn.PReLU()) if count > 1 else nn.Identity()

    def forward(self, maps: list[Tensor]) -> Float[Tensor, "n d h w"]:
        return self.mix(torch.cat(maps, 1))


class Enlarge(nn.ConvTranspose2d):
    """To ``scale`` times the height and width: at x4 a transposed convolution 8x8 with stride 4."""

    def __init__(self, width_in: int, width: int, *, scale: int) -> None:
        super().__init__(width_in, width, scale + 4, stride=scale, padding=2)
        start_kaiming(self, seen=width_in * (1 + 4 / scale) ** 2)


class Shrink(nn.Conv2d):
    """To a ``scale``-th of the height and width: at x4 a convolution 8x8 with stride 4."""

    def __init__(self, width_in: int, width: int, *, scale: int) -> None:
        super().__init__(width_in, width, scale + 4, stride=scale, padding=2)
        start_kaiming(self, seen=width_in * (scale + 4) ** 2)


@torch.no_grad()
def start_kaiming(conv: nn.Conv2d | nn.ConvTranspose2d, *, seen: float) -> None:
    """He's initialisation by the number of inputs that an output really sees: PyTorch's own takes a transposed
    convolution for a plain one, and starts it far too small."""
    conv.weight.normal_(0, math.sqrt(2 / seen))
    if conv.bias is not None:
        conv.bias.zero_()
