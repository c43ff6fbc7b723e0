"""Alignment of features by deformable convolutions, coarse to fine: EDVR's PCD (Wang et al., CVPRW 2019) without its
last cascade, and both ways as Zooming Slow-Mo (Xiang et al., CVPR 2020) interpolates with it.

A pyramid is a list of feature maps, finest first, each half as high and wide as the one before. Height and width must
be multiples of 4.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.deformable import DeformableConv
from stvsr.blocks.residual import keep_power

LEVELS = 3


class TwoWayAlignment(nn.Module):
    """Two feature maps, each brought to where the other is, and both blended into one.

    Between two frames this is feature interpolation; between a hidden state and a frame it is the state, aligned.
    """

    def __init__(self, width: int, *, groups: int = 8) -> None:
        super().__init__()
        self.pyramid = FeaturePyramid(width)
        self.forth = PyramidAlignment(width, groups=groups)
        self.back = PyramidAlignment(width, groups=groups)
        self.blend = nn.Conv2d(2 * width, width, 1)
        keep_power(self.pyramid)
        keep_power(self.blend, slope=1)

    def forward(self, first: Float[Tensor, "n d h w"], second: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        levels = [level.chunk(2) for level in self.pyramid(torch.cat([first, second]))]
        ours, theirs = [level[0] for level in levels], [level[1] for level in levels]
        return self.blend(torch.cat([self.forth(ours, theirs), self.back(theirs, ours)], 1))


class FeaturePyramid(nn.Module):
    """A feature map and its halves: per coarser level a convolution of stride 2 and one more."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(width, width, 3, stride=2, padding=1) for _ in range(LEVELS - 1))
        self.refine = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(LEVELS - 1))

    def forward(self, feat: Float[Tensor, "n d h w"]) -> list[Tensor]:
        levels = [feat]
        for down, refine in zip(self.down, self.refine, strict=True):
            levels.append(leaky(refine(leaky(down(levels[-1])))))
        return levels


class PyramidAlignment(nn.Module):
    """One way: ``source`` brought to where ``target`` is, by its own weights at each level."""

    def __init__(self, width: int, *, groups: int = 8) -> None:
        super().__init__()
        coarsest = LEVELS - 1
        self.levels = nn.ModuleList(
            AlignmentLevel(width, groups=groups, coarsest=level == coarsest) for level in range(LEVELS)
        )

    def forward(self, source: list[Tensor], target: list[Tensor]) -> Float[Tensor, "n d h w"]:
        coarser: tuple[Tensor, Tensor] | None = None
        for level, ours, theirs in zip(reversed(self.levels), reversed(source), reversed(target), strict=True):
            coarser = level(ours, theirs, coarser)
        assert coarser is not None
        return coarser[1]


class AlignmentLevel(nn.Module):
    """One level: what moves is guessed from both maps and the coarser guess; the source is fetched accordingly."""

    def __init__(self, width: int, *, groups: int, coarsest: bool) -> None:
        super().__init__()
        self.compare = nn.Conv2d(2 * width, width, 3, padding=1)
        self.merge_motion = None if coarsest else nn.Conv2d(2 * width, width, 3, padding=1)
        self.motion = nn.Conv2d(width, width, 3, padding=1)
        self.fetch = DeformableConv(width, width, groups=groups)
        self.merge_feat = None if coarsest else nn.Conv2d(2 * width, width, 3, padding=1)
        convs = (self.compare, self.merge_motion, self.motion, self.fetch.conv, self.merge_feat)
        keep_power(*(conv for conv in convs if conv is not None))

    def forward(
        self, source: Float[Tensor, "n d h w"], target: Float[Tensor, "n d h w"], coarser: tuple[Tensor, Tensor] | None
    ) -> tuple[Float[Tensor, "n d h w"], Float[Tensor, "n d h w"]]:
        """Motion features, and the aligned source. coarser: the same two of the next coarser level."""
        motion = leaky(self.compare(torch.cat([source, target], 1)))
        if coarser is not None and self.merge_motion is not None:
            # twice the size is twice as many pixels to move by
            motion = leaky(self.merge_motion(torch.cat([motion, 2 * enlarge(coarser[0])], 1)))
        motion = leaky(self.motion(motion))
        aligned = self.fetch(source, motion)
        if coarser is not None and self.merge_feat is not None:
            aligned = self.merge_feat(torch.cat([aligned, enlarge(F.leaky_relu(coarser[1], 0.1))], 1))
        return motion, aligned


def enlarge(feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h2 w2"]:
    """Twice the height and width, bilinearly."""
    return F.interpolate(feat, scale_factor=2, mode="bilinear", align_corners=False)


def leaky(feat: Tensor) -> Tensor:
    """LeakyReLU in place: no convolution needs its own output to differentiate."""
    return F.leaky_relu_(feat, 0.1)
