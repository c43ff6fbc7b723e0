"""Enlarging flow beside the pictures that it belongs to: NET_re of MBnet, after the joint up-sampling networks of Su et
al., Pixel-Adaptive Convolutional Neural Networks, CVPR 2019."""

from itertools import pairwise
from math import log2

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import start_small
from stvsr.ops.guided import guided_upsample


class GuidedRefinement(nn.Module):
    """MBnet's NET_re (Fig. 4): an encoder at the input size, a decoder to the output size, and a guidance branch."""

    def __init__(self, *, scale: int, width: int, guide_width: int) -> None:
        super().__init__()
        self.scale, steps = scale, int(log2(scale))
        self.guide = five_by_five(6, width, width, steps * guide_width)
        self.encode = nn.Sequential(*five_by_five(4, width, width, width), nn.ReLU())
        self.enlarge = nn.ModuleList(GuidedEnlargement(width) for _ in range(steps))
        self.head = five_by_five(width, width, 4)
        start_small(self.head[-1])  # pyright: ignore[reportArgumentType]

    def guides(self, keys: Float[Tensor, "b 6 H W"]) -> list[Float[Tensor, "b g _ _"]]:
        """One guide for each doubling, at the size it leads to; the same for all instants."""
        parts = self.guide(keys).chunk(len(self.enlarge), 1)
        return [F.avg_pool2d(part, 2 ** (len(parts) - 1 - step)) for step, part in enumerate(parts)]

    def forward(self, flow: Float[Tensor, "b 4 h w"], guides: list[Tensor]) -> Float[Tensor, "b 4 H W"]:
        """Input pixels in, output pixels out."""
        feat = self.encode(flow)
        for enlargement, guide in zip(self.enlarge, guides, strict=True):
            feat = F.relu(enlargement(feat, guide))
        plain = F.interpolate(flow, scale_factor=self.scale, mode="bilinear")
        return self.scale * plain + self.head(feat).float()


class GuidedEnlargement(nn.Module):
    """Twice as large, by a transposed 5x5 convolution that the guide steers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(width, width, 5, stride=2)  # holds weight and bias

    def forward(self, feat: Float[Tensor, "b d h w"], guide: Float[Tensor, "b g h2 w2"]) -> Float[Tensor, "b d h2 w2"]:
        return guided_upsample(feat, guide, self.conv.weight, self.conv.bias)


def five_by_five(*widths: int) -> nn.Sequential:
    """5x5 convolutions with ReLUs between."""
    layers: list[nn.Module] = []
    for width_in, width in pairwise(widths):
        layers += [nn.Conv2d(width_in, width, 5, padding=2), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
