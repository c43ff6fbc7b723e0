"""IMDN, the information multi-distillation network: enlarges one picture with few channels and little memory.

Hui et al., "Lightweight Image Super-Resolution with Information Multi-distillation Network", MM 2019. Sizes, slopes
and the order of layers as in the authors' public code, so that its counts are met: 694,404 parameters at x2.

n any folded batch · c colour · d features · h w size · H W enlarged size.
"""

from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import start_small

SLOPE = 0.05
"""Of every leaky ReLU."""

PaddingMode = Literal["zeros", "replicate"]


class IMDN(nn.Module):
    """A picture enlarged by whole factors, which may differ between height and width."""

    def __init__(
        self,
        *,
        enlarge: tuple[int, int] = (2, 2),
        width: int = 64,
        num_blocks: int = 6,
        padding_mode: PaddingMode = "zeros",
    ) -> None:
        """enlarge: factors of height and width. padding_mode: what every 3x3 convolution sees beyond the border."""
        super().__init__()
        self.enlarge = enlarge
        self.entry = conv(3, width, padding_mode=padding_mode)
        self.blocks = nn.ModuleList(DistillationBlock(width, padding_mode) for _ in range(num_blocks))
        self.gather = conv(num_blocks * width, width, 1)
        self.smooth = conv(width, width, padding_mode=padding_mode)
        self.head = conv(width, 3 * enlarge[0] * enlarge[1], padding_mode=padding_mode)

    def forward(self, picture: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c H W"]:
        feat = entry = self.entry(picture)
        gathered: list[Tensor] = []
        for block in self.blocks:
            feat = block(feat)
            gathered.append(feat)
        feat = F.leaky_relu_(self.gather(torch.cat(gathered, dim=1)), SLOPE)
        phases = self.head(self.smooth(feat) + entry)
        rows, columns = self.enlarge
        return rearrange(phases, "n (c y x) h w -> n c (h y) (w x)", y=rows, x=columns)


class DistillationBlock(nn.Module):
    """IMDB: each convolution lets a quarter of its channels go ahead and works on the rest (Fig. 3)."""

    def __init__(self, width: int, padding_mode: PaddingMode = "zeros") -> None:
        super().__init__()
        self.kept = width // 4
        self.steps = nn.ModuleList(
            conv(width_in, width_out, padding_mode=padding_mode)
            for width_in, width_out in (
                (width, width),
                (width - self.kept, width),
                (width - self.kept, width),
                (width - self.kept, self.kept),
            )
        )
        self.attention = ContrastAttention(4 * self.kept)
        self.fuse = conv(4 * self.kept, width, 1)
        start_small(self.fuse)  # close to the identity, so that a chain of blocks trains

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        distilled: list[Tensor] = []
        rest = feat
        for step in list(self.steps)[:-1]:
            worked = F.leaky_relu_(step(rest), SLOPE)
            distilled.append(worked[:, : self.kept])
            rest = worked[:, self.kept :]
        distilled.append(self.steps[-1](rest))
        return self.fuse(self.attention(torch.cat(distilled, dim=1))) + feat


class ContrastAttention(nn.Module):
    """CCA: scale each channel by what its mean plus its standard deviation over the whole picture say."""

    def __init__(self, width: int, reduction: int = 16) -> None:
        super().__init__()
        squeezed = max(width // reduction, 4)
        self.squeeze, self.expand = nn.Conv2d(width, squeezed, 1), nn.Conv2d(squeezed, width, 1)
        # the few channels behind the ReLU would often all start silent
        nn.init.constant_(self.squeeze.bias, 0.5)  # pyright: ignore[reportArgumentType]

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        scale = torch.sigmoid(self.expand(F.relu(self.squeeze(contrast(feat).to(feat.dtype)))))
        return feat * scale


def contrast(feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d 1 1"]:
    """Mean plus standard deviation of each channel, in fp32; a flat channel has a gradient of 0, not infinity."""
    feat = feat.float()
    mean = feat.mean((2, 3), keepdim=True)
    variance = (feat - mean).square().mean((2, 3), keepdim=True)  # var_mean takes twice as long on a CPU
    return mean + (variance + 1e-12).sqrt()


def conv(
    width_in: int,
    width: int,
    size: int = 3,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding_mode: PaddingMode = "zeros",
) -> nn.Conv2d:
    """A convolution that keeps the size of the picture, and at its start the strength of what passes through, however
    long the chain (He et al. 2015). PyTorch's own start halves it each time."""
    padding = dilation * (size // 2)
    convolution = nn.Conv2d(width_in, width, size, stride, padding, dilation, padding_mode=padding_mode)
    nn.init.kaiming_normal_(convolution.weight)
    nn.init.zeros_(convolution.bias)  # pyright: ignore[reportArgumentType]
    return convolution
