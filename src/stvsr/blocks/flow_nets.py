"""Optical flow from one frame to another, coarse to fine: the flow parts of MBnet."""

from collections.abc import Sequence

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import start_small
from stvsr.ops.correlate import local_correlation
from stvsr.ops.warp import backward_warp


class OFRnet(nn.Module):
    """One light estimator, shared by three sizes (1/4, 1/2, 1), as in Wang et al., Deep Video Super-Resolution using
    HR Optical Flow Estimation, TIP 2020; it sees one frame, the other one warped, and the flow so far."""

    def __init__(self, width: int, *, num_blocks: int) -> None:
        super().__init__()
        last = nn.Conv2d(width, 2, 3, padding=1, bias=False)
        start_small(last)  # no motion until it is seen
        self.estimate = nn.Sequential(
            nn.Conv2d(8, width, 3, padding=1, bias=False),
            nn.LeakyReLU(0.1),
            *(ShuffleBlock(width) for _ in range(num_blocks)),
            last,
        )

    def forward(
        self, here: Float[Tensor, "b c h w"], there: Float[Tensor, "b c h w"]
    ) -> list[Float[Tensor, "b 2 _ _"]]:
        """The flow from ``here`` to ``there`` in pixels of each size, coarse to fine; the last at full size."""
        flows: list[Tensor] = []
        for shrink in (4, 2, 1):
            here_small, there_small = F.avg_pool2d(here, shrink), F.avg_pool2d(there, shrink)
            flow = twice_as_large(flows[-1]) if flows else torch.zeros_like(here_small[:, :2], dtype=torch.float32)
            seen = torch.cat([backward_warp(there_small, flow), here_small, flow.to(here.dtype)], 1)
            flows.append(flow + self.estimate(seen).float())
        return flows


class ShuffleBlock(nn.Module):
    """A residual block on half of the channels (1x1, 3x3 by channel, 1x1), then the halves are interleaved."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        last = nn.Conv2d(half, half, 1, bias=False)
        start_small(last)
        self.body = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False),
            nn.LeakyReLU(0.1),
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
            last,
        )

    def forward(self, feat: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        kept, worked = feat.chunk(2, 1)
        halves = [rearrange(half, "b d h w -> b h w d") for half in (kept, worked + self.body(worked))]
        return rearrange(torch.stack(halves, -1), "b h w d g -> b (d g) h w")  # where channels come last, one pass


class PWCNet(nn.Module):
    """Sun et al., PWC-Net: CNNs for Optical Flow Using Pyramid, Warping, and Cost Volume, CVPR 2018.

    Features at 1/2, 1/4 ... 1/64, flow from 1/64 to 1/4, each by densely connected convolutions on the features, their
    correlation with the other frame's warped ones, and the flow so far; a context network refines the last. Frames are
    resized to a multiple of the coarsest size on the way in, as the paper's authors do.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int] = (16, 32, 64, 96, 128, 196),
        dense_widths: Sequence[int] = (128, 128, 96, 64, 32),
        context_widths: Sequence[int] = (128, 128, 128, 96, 64, 32),
        radius: int = 4,
    ) -> None:
        super().__init__()
        self.radius, self.unit = radius, 2 ** len(widths)
        self.pyramid = nn.ModuleList(
            nn.Sequential(*conv_lrelu(width_in, width, stride=2), *conv_lrelu(width, width))
            for width_in, width in zip((3, *widths[:-1]), widths, strict=True)
        )
        matches = (2 * radius + 1) ** 2
        self.estimate = nn.ModuleList(DenseFlow(width + matches + 2, dense_widths) for width in reversed(widths[1:]))
        seen = widths[1] + matches + 2 + sum(dense_widths)
        layers: list[nn.Module] = []
        for width, dilation in zip(context_widths, (1, 2, 4, 8, 16, 1), strict=True):
            layers += conv_lrelu(seen, width, dilation=dilation)
            seen = width
        self.context = nn.Sequential(*layers, nn.Conv2d(seen, 2, 3, padding=1))
        start_small(self.context[-1])  # pyright: ignore[reportArgumentType]

    def forward(
        self, here: Float[Tensor, "b c h w"], there: Float[Tensor, "b c h w"]
    ) -> list[Float[Tensor, "b 2 _ _"]]:
        """The flow from ``here`` to ``there`` in pixels of each size, coarse to fine; the last at full size."""
        size = here.shape[-2:]
        work = [-(-side // self.unit) * self.unit for side in size]
        feat = F.interpolate(torch.cat([here, there]), size=work, mode="bilinear")
        levels = []
        for level in self.pyramid:
            feat = level(feat)
            levels.append(feat.chunk(2))
        flows: list[Tensor] = []
        for estimate, (ours, theirs) in zip(self.estimate, reversed(levels[1:]), strict=True):
            flow = twice_as_large(flows[-1]) if flows else torch.zeros_like(ours[:, :2], dtype=torch.float32)
            matches = local_correlation(ours, backward_warp(theirs, flow), radius=self.radius)
            change, feat = estimate(torch.cat([F.leaky_relu(matches, 0.1), ours, flow.to(ours.dtype)], 1))
            flows.append(flow + change.float())
        flows[-1] = flows[-1] + self.context(feat).float()
        x, y = F.interpolate(flows[-1], size=size, mode="bilinear").unbind(1)
        return [*flows, torch.stack([x * (size[1] * 4 / work[1]), y * (size[0] * 4 / work[0])], 1)]


class DenseFlow(nn.Module):
    """A change of the flow, and all the features it was made of."""

    def __init__(self, width_in: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for width in widths:
            self.layers.append(nn.Sequential(*conv_lrelu(width_in, width)))
            width_in += width
        self.exit = nn.Conv2d(width_in, 2, 3, padding=1)
        start_small(self.exit)

    def forward(self, feat: Float[Tensor, "b d h w"]) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b e h w"]]:
        for layer in self.layers:
            feat = torch.cat([feat, layer(feat)], 1)
        return self.exit(feat), feat


def conv_lrelu(width_in: int, width: int, *, stride: int = 1, dilation: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(width_in, width, 3, padding=dilation, stride=stride, dilation=dilation),
        nn.LeakyReLU(0.1),
    ]


def twice_as_large(flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b 2 h2 w2"]:
    """The same motion on a grid twice as fine, in its pixels."""
    return 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)
