"""A network with its convolutions in whole numbers of 8 bits, see ``stvsr.ops.conv_int8``.

What a convolution costs in quality depends on what it makes. Features of many maps forgive the rounding: PSNR on Vid4
falls by 0.008 dB (``unison-s``). Pictures do not, so convolutions out of few maps or into few stay as they are.
"""

from copy import deepcopy
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, TypeVar

import torch
from einops import rearrange, repeat
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.deformable import DeformableConv
from stvsr.blocks.guided import GuidedEnlargement
from stvsr.blocks.residual import ResidualBlock, Trunk
from stvsr.networks.base import Network

if TYPE_CHECKING:
    from stvsr.ops.conv_int8 import Span

Module = TypeVar("Module", bound=nn.Module)
FEWEST_IN, FEWEST_OUT = 16, 8
"""Maps; pictures and flows have fewer."""
ONLY_HELD = {DeformableConv: "conv", GuidedEnlargement: "conv"}
"""Layers that hold weights for an operation of ours, and are never called."""


class Int8Conv(nn.Module):
    """In the place of a ``Conv2d``."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        from stvsr.ops.conv_int8 import conv2d_int8, pack  # brings Numba: half a second to import

        self.convolve = conv2d_int8
        stride, padding, dilation = (
            [int(side) for side in each] for each in (conv.stride, conv.padding, conv.dilation)
        )
        self.border, self.around = conv.padding_mode, [padding[1], padding[1], padding[0], padding[0]]
        if self.border != "zeros":
            padding = [0, 0]
        self.kernel = pack(conv.weight, conv.bias, stride, padding, dilation)

    def forward(self, *parts: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n o h2 w2"]:
        return self.spanning(*parts)[0]

    def spanning(
        self,
        *parts: Float[Tensor, "n _ h w"],
        relu: bool = False,
        plus: Float[Tensor, "n o h2 w2"] | None = None,
        span: "Span | None" = None,
        halves: bool = False,
    ) -> tuple[Float[Tensor, "n o h2 w2"], "Span | None"]:
        """With what its numbers span, see ``stvsr.ops.conv_int8``."""
        if self.border != "zeros":  # copies of numbers that are there: the span stays
            parts = tuple(F.pad(part, self.around, mode=self.border) for part in parts)
        return self.convolve(*parts, kernel=self.kernel, relu=relu, plus=plus, span=span, halves=halves)


class Int8ConvTranspose(nn.Module):
    """In the place of a ``ConvTranspose2d``: a convolution at the input's size makes all ``stride`` x ``stride`` pixels
    that lie between two inputs and their neighbours, and a pixel shuffle lays them out."""

    def __init__(self, conv: nn.ConvTranspose2d) -> None:
        super().__init__()
        (size, _), (stride, _), (padding, _) = conv.kernel_size, conv.stride, conv.padding
        self.stride, self.cut, self.longer = stride, int(padding), size - 2 * int(padding)
        seen = ceil(size / stride)
        weight = F.pad(conv.weight.detach(), [0, seen * stride - size] * 2)
        phases = nn.Conv2d(conv.in_channels, conv.out_channels * stride**2, seen, padding=seen - 1)
        # the first of the neighbours is met by the kernel's last part
        weight = rearrange(weight, "i o (y py) (x px) -> (o py px) i y x", py=stride, px=stride).flip(2, 3)
        bias = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        phases.load_state_dict({"weight": weight, "bias": repeat(bias, "o -> (o p)", p=stride**2)})
        self.phases = Int8Conv(phases)

    def forward(self, feat: Float[Tensor, "n i h w"]) -> Float[Tensor, "n o H W"]:
        height, width = ((length - 1) * self.stride + self.longer for length in feat.shape[2:])
        whole = F.pixel_shuffle(self.phases(feat), self.stride)
        return whole[..., self.cut : self.cut + height, self.cut : self.cut + width]


class Int8Trunk(nn.Module):
    """In the place of a ``Trunk``."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.entry, self.blocks = Int8Conv(trunk.entry), in_int8(trunk.blocks)

    def forward(self, *feats: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n e h w"]:
        feat, span = self.entry.spanning(*feats, relu=True, halves=len(self.blocks) > 0)
        for block, after in pairwise([*self.blocks, None]):
            assert isinstance(block, Int8ResidualBlock)
            feat, span = block.spanning(feat, span, halves=after is not None)
        return feat


class Int8ResidualBlock(nn.Module):
    """In the place of a ``ResidualBlock``."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.first, self.second = Int8Conv(block.first), Int8Conv(block.second)

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        return self.spanning(feat)[0]

    def spanning(
        self, feat: Float[Tensor, "n d h w"], span: "Span | None" = None, *, halves: bool = False
    ) -> tuple[Float[Tensor, "n d h w"], "Span | None"]:
        middle, between = self.first.spanning(feat, relu=True, span=span, halves=True)
        return self.second.spanning(middle, plus=feat, span=between, halves=halves)


class Int8Sequence(nn.Module):
    """In the place of a ``Sequential``: each layer is told what the one before spans, and makes the ReLU behind it."""

    def __init__(self, sequence: nn.Sequential) -> None:
        super().__init__()
        self.layers = in_int8(sequence)

    def forward(self, feat: Float[Tensor, "n _ h w"]) -> Float[Tensor, "n _ H W"]:
        span = done = None
        layers = [*self.layers, None, None]
        for layer, after, behind in zip(layers, layers[1:], layers[2:], strict=False):
            relu = isinstance(layer, Int8Conv) and isinstance(after, nn.ReLU)
            halves = isinstance(behind if relu else after, Int8Conv | Int8ResidualBlock)
            if isinstance(layer, Int8Conv):
                done = after if relu else None
                feat, span = layer.spanning(feat, relu=relu, span=span, halves=halves)
            elif isinstance(layer, Int8ResidualBlock):
                feat, span = layer.spanning(feat, span, halves=halves)
            elif layer is not None and layer is not done:
                feat, span = layer(feat), None
        return feat


def network_in_int8(network: Network) -> Network:
    """A copy that shares the weights, for inference on the CPU."""
    shared = {id(tensor): tensor for tensor in (*network.parameters(), *network.buffers())}
    return in_int8(deepcopy(network, shared))


def in_int8(module: Module) -> Module:
    """The module itself, with everything in it replaced that can be."""
    for name, child in module.named_children():
        if name == ONLY_HELD.get(type(module)):
            continue
        if type(child) is Trunk and suits(child.entry):
            setattr(module, name, Int8Trunk(child))
        elif type(child) is ResidualBlock and suits(child.first):
            setattr(module, name, Int8ResidualBlock(child))
        elif type(child) is nn.Sequential:
            setattr(module, name, Int8Sequence(child))
        elif isinstance(child, nn.Conv2d) and suits(child):
            setattr(module, name, Int8Conv(child))
        elif isinstance(child, nn.ConvTranspose2d) and suits(child):
            setattr(module, name, Int8ConvTranspose(child))
        else:
            in_int8(child)
    return module


def suits(conv: nn.Conv2d | nn.ConvTranspose2d) -> bool:
    fits = conv.groups == 1 and isinstance(conv.padding, tuple)
    if isinstance(conv, nn.ConvTranspose2d):
        square = all(len(set(sides)) == 1 for sides in (conv.kernel_size, conv.stride, conv.padding))
        fits = fits and square and conv.dilation == (1, 1) and conv.output_padding == (0, 0)
    return fits and conv.in_channels >= FEWEST_IN and conv.out_channels >= FEWEST_OUT


def is_there() -> bool:
    """Whether PyTorch and the processor have such convolutions. Without VNNI, sums of two products are cut off."""
    vnni = getattr(torch.cpu, "_is_vnni_supported", None)  # a private name, so ask politely
    has_operator = torch.backends.mkldnn.is_available() and hasattr(torch.ops.onednn, "qconv2d_pointwise")
    return has_operator and vnni is not None and vnni()
