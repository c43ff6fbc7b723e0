"""CycMu-Net: space and time refine each other by projecting features up to twice their size and down again.

Hu et al., "Spatial-Temporal Space Hand-in-Hand: Spatial-Temporal Video Super-Resolution via Cycle-Projected Mutual
Learning", CVPR 2022. Read beside Fig. 2 and 3. Written from the paper; what it leaves open is in
docs/networks/cycmunet.md. Differs: a bicubic picture is added to the output (``base``).

    two input frames ── extract ── features ── interpolate (FTI-Net) ── features of three instants
    M up-projection units (UPU) and M - 1 down-projection units (DPU) in turn: M triples small, M twice as large
    all large triples ── collect ── trunk ── ShuffleTail ── three HR frames
    all small triples ── collect ── the same trunk ── the LR frame between

A *triple* is a tensor b s d h w with s = 3: features at the instants 0, 1/2 and 1. See ``stvsr.clip`` for the letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.align import TwoWayAlignment, leaky
from stvsr.blocks.residual import JoiningConv, ResidualBlock, Trunk, keep_power, start_small
from stvsr.blocks.upsample import ShuffleTail, bicubic_base
from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.networks.base import Network, Spec, TrainingOutput, check_choices


@dataclass(frozen=True, kw_only=True)
class CycMuConfig:
    """The defaults are the paper's network, M = 6."""

    scale: int = 4
    """2, 4 or 8; 1 builds the network for time alone: no HR frames, and none of the parts that only serve them."""
    width: int = 64
    groups: int = 8
    """Of the deformable convolutions."""
    extraction_blocks: int = 5
    interpolation: Literal["deformable", "fusion"] = "deformable"
    """How features between the frames come about: FTI-Net (the paper's DFI), or without motion (FFI)."""
    num_pairs: int = 6
    """M: so many up-projection units, and one down-projection unit less. 0: none, all work at the input's size."""
    projection: Literal["cycle", "plain"] = "cycle"
    """Units that change the size and come back (CP), or that stay at the input's size (PP)."""
    trunk_blocks: int = 40
    base: bool = True
    """Add the enlarged input frame, or the mean of both, to each output: the paper is silent."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.scale not in (1, 2, 4, 8):
            raise SettingsError(f"CycMu-Net enlarges by 2, 4 or 8 (1: in time alone), not by {self.scale}.")
        if self.width % self.groups:
            raise SettingsError(f"width must be a multiple of the {self.groups} groups, but is {self.width}.")


def cycmunet(*, scale: int = 4, **changes: Any) -> "CycMuNet":
    """The paper's network, M = 6."""
    return CycMuNet(CycMuConfig(scale=scale, **changes))


cycmunet_m2, cycmunet_m4, cycmunet_m8, cycmunet_m10 = (partial(cycmunet, num_pairs=m) for m in (2, 4, 8, 10))
"""The other rows of Table 5."""

SMALL: dict[str, Any] = {"num_pairs": 2, "width": 24, "groups": 3, "extraction_blocks": 3, "trunk_blocks": 6}


def cycmunet_m2_24(*, scale: int = 4, **changes: Any) -> "CycMuNet":
    """Ours: M = 2, narrower and shorter, for training on a processor."""
    return CycMuNet(CycMuConfig(scale=scale, **(SMALL | changes)))


class CycMuNet(Network):
    """Two frames in; both and the one between out, enlarged, and the LR frame between as well."""

    def __init__(self, config: CycMuConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = Spec(scale=config.scale, step=Fraction(1, 2), min_frames=2, max_frames=2, multiple_of=4, int8=True)
        width, pairs = config.width, config.num_pairs
        self.extract = Trunk(3, width, num_blocks=config.extraction_blocks)
        if config.interpolation == "deformable":
            self.interpolate = TwoWayAlignment(width, groups=config.groups)
        else:
            self.interpolate = Trunk(2 * width, width, num_blocks=config.extraction_blocks)

        factor = 2 if config.projection == "cycle" else 1
        up, down = partial(ScaleUp, width, factor=factor), partial(ScaleDown, width, factor=factor)
        # the last large triple only serves the HR frames
        ups = pairs if config.scale > 1 else pairs - 1
        self.up_units = nn.ModuleList(ProjectionUnit(up(), down(), up(small=True)) for _ in range(ups))
        self.down_units = nn.ModuleList(ProjectionUnit(down(), up(), down(small=True)) for _ in range(pairs - 1))

        self.trunk = nn.Sequential(*(ResidualBlock(width) for _ in range(config.trunk_blocks)))
        triples = max(pairs, 1)  # without units, those of FTI-Net serve both
        self.collect_small = JoiningConv(triples * width, width, 1)
        self.exit_small = nn.Conv2d(width, 3, 3, padding=1)
        keep_power(self.collect_small, self.exit_small, slope=1)
        start_small(self.exit_small)
        if config.scale > 1:
            self.collect_large = JoiningConv(triples * width, width, 1)
            keep_power(self.collect_large, slope=1)
            self.tail = ShuffleTail(width, scale=config.scale // (factor if pairs else 1))

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        small, large = self.project(self.triple(clip))
        if self.config.scale == 1:
            return with_inputs(clip, self.middle(clip, small), times)
        return self.enlarged(clip, large, times)

    def training_forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> TrainingOutput:
        """Extras: ``middle`` (b 1 c h w), the LR frame at 1/2."""
        small, large = self.project(self.triple(clip))
        middle = self.middle(clip, small)
        frames = with_inputs(clip, middle, times) if self.config.scale == 1 else self.enlarged(clip, large, times)
        return TrainingOutput(frames=frames, extras={"middle": middle})

    def triple(self, clip: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b s d h w"]:
        """Features of both frames (FE) and, between them, of the instant 1/2 (FTI-Net)."""
        feats = self.extract(rearrange(clip, "b t c h w -> (b t) c h w"))
        first, last = rearrange(feats, "(b t) d h w -> t b d h w", t=2)
        frames = torch.cat([first, self.interpolate(first, last), last])  # a stack would mix the frames' memory
        return rearrange(frames, "(s b) d h w -> b s d h w", s=3)

    def project(self, triple: Float[Tensor, "b s d h w"]) -> tuple[list[Tensor], list[Tensor]]:
        """Small and large triples. Each unit takes the latest one of the other size."""
        small, large = [triple], []
        for index, up in enumerate(self.up_units):
            large.append(up(small[-1]))
            if index < len(self.down_units):
                small.append(self.down_units[index](large[-1]))
        return small, large or small

    def enlarged(
        self, clip: Float[Tensor, "b t c h w"], large: Sequence[Tensor], times: Times
    ) -> Float[Tensor, "b s c H W"]:
        """HR frames out of all large triples."""
        picked = [int(2 * time) for time in times]
        feats = self.collect_large(*(rearrange(triple[:, picked], "b s d h w -> (b s) d h w") for triple in large))
        frames = rearrange(self.tail(self.trunk(feats)), "(b s) c H W -> b s c H W", s=len(picked))
        if self.config.base:
            frames = frames + torch.stack([bicubic_base(clip, time, self.config.scale) for time in times], 1)
        return frames

    def middle(self, clip: Float[Tensor, "b t c h w"], small: Sequence[Tensor]) -> Float[Tensor, "b 1 c h w"]:
        """The LR frame between, out of all small triples."""
        feats = self.collect_small(*(triple[:, 1] for triple in small))
        frame = self.exit_small(self.trunk(feats))[:, None]
        return frame + clip.mean(1, keepdim=True) if self.config.base else frame


def with_inputs(
    clip: Float[Tensor, "b t c h w"], middle: Float[Tensor, "b 1 c h w"], times: Times
) -> Float[Tensor, "b s c h w"]:
    """Interpolation alone: the input frames as they are, and the frame between."""
    return torch.cat([clip[:, :1], middle.to(clip.dtype), clip[:, 1:]], 1)[:, [int(2 * time) for time in times]]


class ProjectionUnit(nn.Module):
    """Project there; see how far the way back misses the start; project that error there too (Eq. 1-3).

    UPU: there = up, back = down. DPU: the other way round.
    """

    def __init__(self, there: nn.Module, back: nn.Module, error_there: nn.Module) -> None:
        super().__init__()
        self.there, self.back, self.error_there = there, back, error_there

    def forward(self, triple: Float[Tensor, "b s d h w"]) -> Float[Tensor, "b s d h2 w2"]:
        projected = self.there(triple)
        error = self.back(projected) - triple
        return self.error_there(error) + projected


class ScaleUp(nn.Module):
    """Fusion block, bilinear enlargement, 1x1 convolution. factor 1: stays at its size. small: starts with little to
    say, so that the units of a chain do not add up."""

    def __init__(self, width: int, *, factor: int, small: bool = False) -> None:
        super().__init__()
        self.factor = factor
        self.fuse = FusionBlock(width)
        self.mix = nn.Conv2d(width, width, 1)
        keep_power(self.mix)
        if small:
            start_small(self.mix)

    def forward(self, triple: Float[Tensor, "b s d h w"]) -> Float[Tensor, "b s d H W"]:
        feats = rearrange(self.fuse(triple), "b s d h w -> (b s) d h w")
        if self.factor > 1:
            feats = F.interpolate(feats, scale_factor=self.factor, mode="bilinear", align_corners=False)
        return unfold(leaky(self.mix(feats)))


class ScaleDown(nn.Module):
    """4x4 convolution with stride 2 (factor 1: 3x3 with stride 1), fusion block. small: as in ``ScaleUp``."""

    def __init__(self, width: int, *, factor: int, small: bool = False) -> None:
        super().__init__()
        self.shrink = nn.Conv2d(width, width, 2 + factor, stride=factor, padding=1)
        keep_power(self.shrink)
        if small:
            start_small(self.shrink)
        self.fuse = FusionBlock(width)

    def forward(self, triple: Float[Tensor, "b s d H W"]) -> Float[Tensor, "b s d h w"]:
        feats = self.shrink(rearrange(triple, "b s d H W -> (b s) d H W"))
        return self.fuse(unfold(leaky(feats)))


class FusionBlock(nn.Module):
    """Progressive fusion residual block (Yi et al., ICCV 2019) of three frames, which share its weights."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = nn.Conv2d(width, width, 3, padding=1)
        self.joint = JoiningConv(3 * width, width, 1)
        self.merge = JoiningConv(2 * width, width, 3, padding=1)
        keep_power(self)
        start_small(self.merge)

    def forward(self, triple: Float[Tensor, "b s d h w"]) -> Float[Tensor, "b s d h w"]:
        own = leaky(self.own(rearrange(triple, "b s d h w -> (b s) d h w")))
        joint = leaky(self.joint(*unfold(own).unbind(1)))
        for_each = torch.arange(len(own), device=own.device) // 3
        return triple + unfold(leaky(self.merge(own, joint[for_each])))  # indexing keeps the channels last


def unfold(feats: Float[Tensor, "n d h w"]) -> Float[Tensor, "b s d h w"]:
    """A folded batch of three frames each, as triples."""
    return rearrange(feats, "(b s) d h w -> b s d h w", s=3)
