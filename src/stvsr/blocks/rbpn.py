"""Recurrent back-projection as the super-resolution part of MBnet.

Haris et al., Recurrent Back-Projection Network for Video Super-Resolution, CVPR 2019, with two frames in and two out.
RBPN goes through the neighbouring frames one by one; here it goes through what MBnet shows of the other frame and of
the iteration before: the warped input frames, the last enlarged frames, the feedback of the interpolation.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import ResidualBlock, start_small
from stvsr.ops.resize import enlarge_phases


class RBPN(nn.Module):
    """Two enlarged frames, and the first features as context for the interpolation; sizes as in the RBPN paper."""

    def __init__(
        self, *, scale: int, base_width: int = 256, width: int = 64, num_stages: int = 3, num_blocks: int = 5
    ) -> None:
        super().__init__()
        self.scale, self.feature_width = scale, base_width
        self.entry = nn.Conv2d(6, base_width, 3, padding=1)
        self.sources = nn.ModuleList(
            nn.Conv2d(6 + seen, base_width, 3, padding=1) for seen in (6, 6 * scale**2, 6 * scale**2)
        )
        self.single = BackProjection(base_width, width, scale=scale, num_stages=num_stages)
        self.multiple = nn.Sequential(
            *(ResidualBlock(base_width) for _ in range(num_blocks)), enlarging(base_width, width, scale)
        )
        self.compare = nn.Sequential(
            *(ResidualBlock(width) for _ in range(num_blocks)), nn.Conv2d(width, width, 3, padding=1), nn.PReLU()
        )
        self.project_back = nn.Sequential(
            *(ResidualBlock(width) for _ in range(num_blocks)), shrinking(width, base_width, scale)
        )
        self.exit = nn.Conv2d(len(self.sources) * width, 6, 3, padding=1)
        start_small(self.exit)

    def forward(
        self,
        keys: Float[Tensor, "b 6 h w"],
        previous: Float[Tensor, "b 6*{self.scale}**2 h w"],
        keys_warped: Float[Tensor, "b 6 h w"],
        feedback: Float[Tensor, "b 6*{self.scale}**2 h w"],
    ) -> tuple[Float[Tensor, "b 6 H W"], Float[Tensor, "b d h w"]]:
        context = low = F.relu(self.entry(keys))
        high: list[Tensor] = []
        for conv, source in zip(self.sources, (keys_warped, previous, feedback), strict=True):
            if high:
                low = self.project_back(high[-1])
            single = self.single(low)
            multiple = self.multiple(F.relu(conv(torch.cat([keys, source], 1))))
            high.append(single + self.compare(single - multiple))
        base = F.pixel_shuffle(enlarge_phases(keys, self.scale), self.scale)
        return self.exit(torch.cat(high, 1)) + base, context


class BackProjection(nn.Module):
    """DBPN (Haris et al., CVPR 2018): enlarge, shrink and enlarge again, each time adding what was lost on the way."""

    def __init__(self, base_width: int, width: int, *, scale: int, num_stages: int) -> None:
        super().__init__()
        self.entry = nn.Sequential(nn.Conv2d(base_width, width, 1), nn.PReLU())
        self.up = nn.ModuleList(Projection(width, scale, enlarge=True) for _ in range(num_stages))
        self.down = nn.ModuleList(Projection(width, scale, enlarge=False) for _ in range(num_stages - 1))
        self.merge = nn.Conv2d(num_stages * width, width, 1)

    def forward(self, feat: Float[Tensor, "b d h w"]) -> Float[Tensor, "b e H W"]:
        high = [self.up[0](self.entry(feat))]
        for down, up in zip(self.down, list(self.up)[1:], strict=True):
            high.append(up(down(high[-1])))
        return self.merge(torch.cat(high, 1))


class Projection(nn.Module):
    """There, back, and there again with what the way back did not restore."""

    def __init__(self, width: int, scale: int, *, enlarge: bool) -> None:
        super().__init__()
        there, back = (enlarging, shrinking) if enlarge else (shrinking, enlarging)
        self.there, self.back, self.correct = (layer(width, width, scale) for layer in (there, back, there))

    def forward(self, feat: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h2 w2"]:
        moved = self.there(feat)
        return moved + self.correct(self.back(moved) - feat)


def enlarging(width_in: int, width: int, scale: int) -> nn.Sequential:
    """By a transposed convolution, 8x8 at x4."""
    return nn.Sequential(nn.ConvTranspose2d(width_in, width, scale + 4, stride=scale, padding=2), nn.PReLU())


def shrinking(width_in: int, width: int, scale: int) -> nn.Sequential:
    """By a convolution, 8x8 at x4."""
    return nn.Sequential(nn.Conv2d(width_in, width, scale + 4, stride=scale, padding=2), nn.PReLU())
