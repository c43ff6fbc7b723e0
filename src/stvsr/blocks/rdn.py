"""The residual dense network as the super-resolution part of MBnet.

Zhang et al., Residual Dense Network for Image Super-Resolution, CVPR 2018, for two frames at once.
"""

from math import log2

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import JoiningConv, start_small
from stvsr.ops.resize import enlarge_phases


class RDN(nn.Module):
    """Two enlarged frames, and the output of the second convolution as context for the interpolation."""

    def __init__(self, *, scale: int, width: int, growth: int, num_blocks: int, num_layers: int) -> None:
        super().__init__()
        self.scale, self.feature_width = scale, width
        self.entry = nn.Conv2d(12 + 12 * scale**2, width, 3, padding=1)
        self.context = nn.Conv2d(width, width, 3, padding=1)
        self.blocks = nn.ModuleList(DenseBlock(width, growth, num_layers=num_layers) for _ in range(num_blocks))
        self.merge = nn.Conv2d(num_blocks * width, width, 1)
        self.trunk = nn.Conv2d(width, width, 3, padding=1)
        steps = [
            layer
            for _ in range(int(log2(scale)))
            for layer in (nn.Conv2d(width, 4 * width, 3, padding=1), nn.PixelShuffle(2))
        ]
        last = nn.Conv2d(width, 6, 3, padding=1)
        start_small(last)  # the first step is then close to bicubic
        self.enlarge = nn.Sequential(*steps, last)

    def forward(
        self,
        keys: Float[Tensor, "b 6 h w"],
        previous: Float[Tensor, "b 6*{self.scale}**2 h w"],
        keys_warped: Float[Tensor, "b 6 h w"],
        feedback: Float[Tensor, "b 6*{self.scale}**2 h w"],
    ) -> tuple[Float[Tensor, "b 6 H W"], Float[Tensor, "b d h w"]]:
        entry = self.entry(torch.cat([keys, previous, keys_warped, feedback], 1))
        context = self.context(entry)
        feats = [context]
        for block in self.blocks:
            feats.append(block(feats[-1]))
        feat = entry + self.trunk(self.merge(torch.cat(feats[1:], 1)))
        base = F.pixel_shuffle(enlarge_phases(keys, self.scale), self.scale)
        return self.enlarge(feat) + base, context


class DenseBlock(nn.Module):
    """Convolutions that each see all before them, merged by a 1x1 convolution, plus the input."""

    def __init__(self, width: int, growth: int, *, num_layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            JoiningConv(width + index * growth, growth, 3, padding=1) for index in range(num_layers)
        )
        self.merge = JoiningConv(width + num_layers * growth, width, 1)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight)  # pyright: ignore[reportArgumentType]
        start_small(self.merge)  # close to the identity, so that a chain of blocks trains

    def forward(self, feat: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        seen = [feat]
        for layer in self.layers:
            seen.append(F.relu_(layer(*seen)))
        return feat + self.merge(*seen)
