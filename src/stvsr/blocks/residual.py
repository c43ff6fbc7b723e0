"""The residual block without normalisation, the trunk made of it, and a convolution of several maps.

d features in, e features out, see ``stvsr.clip`` for the other letters.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


class Trunk(nn.Module):
    """conv3x3, ReLU, then residual blocks: what most rooms of a network are made of."""

    def __init__(self, width_in: int, width: int, *, num_blocks: int) -> None:
        super().__init__()
        self.entry = nn.Conv2d(width_in, width, 3, padding=1)
        self.blocks = nn.Sequential(*(ResidualBlock(width) for _ in range(num_blocks)))

    def forward(self, *feats: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n e h w"]:
        return self.blocks(F.relu_(self.entry(torch.cat(feats, dim=1))))


class ResidualBlock(nn.Module):
    """conv3x3, ReLU, conv3x3, plus the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        for conv in (self.first, self.second):  # close to the identity, so that deep chains of blocks train
            nn.init.kaiming_normal_(conv.weight)
            start_small(conv)

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        # in place: no convolution needs its own output to differentiate
        return self.second(F.relu_(self.first(feat))).add_(feat)


class JoiningConv(nn.Conv2d):
    """A convolution of several maps side by side. In 8 bits they are rounded from where they lie
    (``stvsr.inference.int8``)."""

    def forward(self, *feats: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n e h2 w2"]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().forward(feats[0] if len(feats) == 1 else torch.cat(feats, 1))


@torch.no_grad()
def start_small(conv: nn.Conv2d) -> None:
    """Let a branch begin with little to say: a tenth of the usual weights, no bias."""
    conv.weight.mul_(0.1)
    if conv.bias is not None:
        conv.bias.zero_()


def keep_power(*modules: nn.Module, slope: float = 0.1) -> None:
    """Start convolutions so that what leaves them is as strong as what entered (He et al. 2015): PyTorch's own start
    halves it, and long chains of convolutions fade. slope: of the LeakyReLU that follows; 1: none does."""
    for module in modules:
        for conv in module.modules():
            if isinstance(conv, nn.Conv2d):
                nn.init.kaiming_normal_(conv.weight, a=slope)
                if conv.bias is not None:
                    nn.init.zeros_(conv.bias)
