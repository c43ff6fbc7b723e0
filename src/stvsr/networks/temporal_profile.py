"""TP: a video cut along its time axis into pictures, enlarged as pictures are.

Xiao et al., "Space-Time Video Super-Resolution Using Temporal Profiles", MM 2020. Read beside Fig. 3-5; what the paper
leaves open and what was chosen is in docs/networks/temporal_profile.md. No motion is estimated anywhere.

    clip ── for every column x, its profile: a picture of h rows and t columns (x stands still, time runs)
         ── TPSRM: every profile to 2h x (2t-1); put back together, twice as high and at every instant
         ── FSM: every frame to twice the width (feature shuffling), then to the full size (CSR)
         ── RM: every frame refined by a U-Net

Each module adds to a bicubic enlargement of what it was given, which stands in for a module that is switched off. The
paper trains in stages: without ``fsm`` and ``rm``, then without ``rm`` and with TPSRM held still, then everything.

b batch · t input frames · s rendered instants · n any folded batch · c colour · d features · h w input size ·
H W output size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from math import gcd
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.imdn import IMDN, conv
from stvsr.blocks.residual import ResidualBlock
from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.networks.base import Network, Spec, TrainingOutput
from stvsr.ops.resize import resize, resize_to


@dataclass(frozen=True, kw_only=True)
class TPConfig:
    """The paper's numbers, and its ablations."""

    scale: int = 4
    """Any even number: the profiles and the feature shuffling double, CSR does the rest (at 2 there is none)."""
    time_scale: int = 2
    """Instants per input frame (b in the paper)."""
    profiles: tuple[str, ...] = ("vertical",)
    """``vertical`` (a column over time, as in the paper), ``horizontal`` (a row over time), or both, averaged."""
    width: int = 64
    """Channels of TPSRM, FSM and CSR (C in Fig. 4)."""
    num_distillations: int = 6
    """IMDBs of TPSRM and of CSR each."""
    num_stacks: int = 2
    """RS blocks."""
    num_fusions: int = 3
    """DFF sub-blocks in each RS block."""
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    """Of the convolutions in a DFF sub-block."""
    residual_scale: float = 0.2
    """alpha of Fig. 4."""
    num_reconstruction: int = 3
    """Convolutions of the frame reconstructor before its last."""
    refine_widths: tuple[int, ...] = (64, 128, 192)
    """Channels of RM, from full size down; each is half the size of the one before."""
    num_refine_blocks: int = 3
    """ResBlocks at each of RM's stops: three down, two up make the paper's 15."""
    tpsrm: bool = True
    fsm: bool = True
    csr: bool = True
    rm: bool = True

    def __post_init__(self) -> None:
        if self.scale < 2 or self.scale % 2:
            raise SettingsError(f"TP enlarges by even factors, but scale {self.scale} was asked for. Try 2, 4 or 8.")
        if self.time_scale < 2:
            raise SettingsError(f"TP adds instants in time, so time_scale must be 2 or more, not {self.time_scale}.")
        if self.profiles not in (("vertical",), ("horizontal",), ("vertical", "horizontal")):
            raise SettingsError(
                f"TP has vertical and horizontal profiles, but got {self.profiles}. "
                f"Give ('vertical',), ('horizontal',), or ('vertical', 'horizontal')."
            )


def tp(*, scale: int = 4, **changes: Any) -> "TP":
    """The paper's network, or an ablation of it: ``changes`` are fields of ``TPConfig``."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()
    }
    return TP(TPConfig(scale=scale, **fields))  # a weight file's JSON has lists where we have tuples


SMALL: dict[str, Any] = {
    "width": 24,
    "num_distillations": 2,
    "num_stacks": 1,
    "num_fusions": 1,
    "num_reconstruction": 1,
    "refine_widths": (16, 24, 32),
    "num_refine_blocks": 1,
}


def tp_24(*, scale: int = 4, **changes: Any) -> "TP":
    """Ours: the paper's parts, fewer and narrower, for training on a processor."""
    return tp(scale=scale, **(SMALL | changes))


class TP(Network):
    """x4 (x2, x8) in space, x2 in time, any number of frames at once."""

    def __init__(self, config: TPConfig) -> None:
        super().__init__()
        self.config = config
        halvings = 2 ** (len(config.refine_widths) - 1) if config.rm else 1
        self.spec = Spec(
            scale=config.scale,
            step=Fraction(1, config.time_scale),
            multiple_of=halvings // gcd(halvings, config.scale),
            int8=True,
        )
        self.tpsrm = TemporalProfileSuperResolution(config) if config.tpsrm else None
        self.fsm = FeatureShuffling(config) if config.fsm else None
        self.rm = Refining(config) if config.rm else None

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        return self.training_forward(clip, times).frames

    def training_forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> TrainingOutput:
        """Extras: ``vertical`` (b s c 2h w) or ``horizontal`` (b s c h 2w), or both: the enlarged profiles, put back
        together as frames."""
        chosen = [int(Fraction(time) * self.config.time_scale) for time in times]
        extras: dict[str, Tensor] = {}
        enlarged: list[Tensor] = []
        for kind in self.config.profiles:
            seen = turned(clip, kind)
            tall = self.heighten(seen)[:, chosen]
            if self.tpsrm is not None:
                extras[kind] = turned(tall, kind)
            full = rearrange(tall, "b s c h w -> (b s) c h w")
            if self.fsm is not None:
                full = in_chunks(self.fsm, full)
            else:
                full = resize_to(full, self.spec.scale * seen.shape[-2], self.spec.scale * seen.shape[-1])
            enlarged.append(turned(full, kind))
        frames = torch.stack(enlarged).mean(0)
        if self.rm is not None:
            frames = in_chunks(self.rm, frames)
        return TrainingOutput(frames=rearrange(frames, "(b s) c H W -> b s c H W", s=len(chosen)), extras=extras)

    def heighten(self, clip: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b s c h2 w"]:
        """All instants at twice the height (V^inter); without TPSRM blends in time, as FSM needs them."""
        if self.tpsrm is not None:
            return self.tpsrm(clip)
        frames = in_between(clip, self.config.time_scale)
        return frames if self.fsm is None else resize_to(frames, 2 * clip.shape[-2], clip.shape[-1])


class TemporalProfileSuperResolution(nn.Module):
    """TPSRM (section 3.1): every vertical profile to twice its height and to all instants.

    Its two axes lie on different grids. In height an enlarged pixel lies where bicubic puts it, half a pixel aside;
    in time every ``time_scale``-th column is an input frame, and the columns after the last input frame are cut off
    (footnote 2).
    """

    def __init__(self, config: TPConfig) -> None:
        super().__init__()
        self.time_scale = config.time_scale
        self.imdn = IMDN(
            enlarge=(2, config.time_scale),
            width=config.width,
            num_blocks=config.num_distillations,
            padding_mode="replicate",  # what lies before the first frame is more like it than like black
        )
        silent(self.imdn.head)

    def forward(self, clip: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b s c 2*h w"]:
        batch, count, _, height, width = clip.shape
        profiles = in_chunks(self.imdn, rearrange(clip, "b t c h w -> (b w) c h t"))
        frames = rearrange(profiles, "(b w) c h s -> b s c h w", b=batch)[:, : (count - 1) * self.time_scale + 1]
        return frames + resize_to(in_between(clip, self.time_scale), 2 * height, width)


class FeatureShuffling(nn.Module):
    """FSM (section 3.2, Fig. 4): every frame to twice its width by shuffling features, then larger in both by CSR."""

    def __init__(self, config: TPConfig) -> None:
        super().__init__()
        width = config.width
        self.extract = nn.Sequential(conv(3, width), leaky(), conv(width, width), leaky())
        self.stacks = nn.Sequential(*(ResidualStack(config) for _ in range(config.num_stacks)))
        reconstruct: list[nn.Module] = []
        for index in range(config.num_reconstruction):
            reconstruct += [conv(width if index else width // 2, width), leaky()]
        self.reconstruct = nn.Sequential(*reconstruct, silent(conv(width if reconstruct else width // 2, 3)))
        self.remaining = config.scale // 2
        self.csr = None
        if config.csr and self.remaining > 1:
            self.csr = IMDN(enlarge=(self.remaining, self.remaining), width=width, num_blocks=config.num_distillations)
            silent(self.csr.head)

    def forward(self, frames: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c H W"]:
        feat = rearrange(self.stacks(self.extract(frames)), "n (d x) h w -> n d h (w x)", x=2)
        wide = self.reconstruct(feat) + resize_to(frames, feat.shape[-2], feat.shape[-1])
        if self.remaining == 1:
            return wide
        larger = resize(wide, self.remaining)
        return larger if self.csr is None else self.csr(wide) + larger


class ResidualStack(nn.Module):
    """RS block (Fig. 4b): DFF sub-blocks, each and all of them together a scaled residual."""

    def __init__(self, config: TPConfig) -> None:
        super().__init__()
        self.scale = config.residual_scale
        self.fusions = nn.ModuleList(DilatedFusion(config.width, config.dilations) for _ in range(config.num_fusions))

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        stacked = feat
        for fusion in self.fusions:
            stacked = stacked + self.scale * fusion(stacked)
        return feat + self.scale * stacked


class DilatedFusion(nn.Module):
    """DFF sub-block (Fig. 4c): several dilations of one feature map, each added to the ones before, then fused."""

    def __init__(self, width: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.entry = conv(width, width)
        self.dilated = nn.ModuleList(conv(width, width, dilation=dilation) for dilation in dilations)
        self.fuse = conv(len(dilations) * width, width, 1)

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        entry = self.entry(feat)
        sums: list[Tensor] = []
        for dilated in self.dilated:
            sums.append(dilated(entry) + sums[-1] if sums else dilated(entry))
        return leaky()(self.fuse(torch.cat(sums, dim=1)))


class Refining(nn.Module):
    """RM (section 3.3, Fig. 5): a U-Net of ResBlocks with added skips; its result is added to the frame it refines."""

    def __init__(self, config: TPConfig) -> None:
        super().__init__()
        widths, blocks = config.refine_widths, config.num_refine_blocks
        self.entry = conv(3, widths[0], 5)
        self.contract = nn.ModuleList(residual_blocks(width, blocks) for width in widths)
        self.shrink = nn.ModuleList(conv(own, below, stride=2) for own, below in pairwise(widths))
        upwards = widths[::-1]
        self.grow = nn.ModuleList(conv(below, own) for below, own in pairwise(upwards))
        self.expand = nn.ModuleList(residual_blocks(width, blocks) for width in upwards[1:])
        self.exit = silent(conv(widths[0], 3, 5))

    def forward(self, frames: Float[Tensor, "n c H W"]) -> Float[Tensor, "n c H W"]:
        feat = self.contract[0](self.entry(frames))
        skips: list[Tensor] = []
        for shrink, contract in zip(self.shrink, list(self.contract)[1:], strict=True):
            skips.append(feat)
            feat = contract(F.relu(shrink(feat)))
        for grow, expand in zip(self.grow, self.expand, strict=True):
            larger = F.interpolate(feat, scale_factor=2, mode="bilinear", align_corners=False)
            feat = expand(F.relu(grow(larger)) + skips.pop())
        return self.exit(feat) + frames


def turned(frames: Float[Tensor, "*n h w"], kind: str) -> Float[Tensor, "*n _ _"]:
    """A row over time is a column over time of the picture turned over its diagonal; turn twice to turn back."""
    return frames.mT if kind == "horizontal" else frames


def residual_blocks(width: int, count: int) -> nn.Sequential:
    blocks = [ResidualBlock(width) for _ in range(count)]
    for block in blocks:
        nn.init.kaiming_normal_(block.first.weight)  # one small convolution is enough to begin near the identity
    return nn.Sequential(*blocks)


def silent(last: nn.Conv2d) -> nn.Conv2d:
    """A module's last convolution starts at zero: the module starts as its bicubic base."""
    nn.init.zeros_(last.weight)
    return last


def leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.2)  # the paper gives no slope


def in_between(clip: Float[Tensor, "b t c h w"], factor: int) -> Float[Tensor, "b s c h w"]:
    """The input frames and ``factor`` - 1 linear blends in every gap."""
    later = torch.cat([clip[:, 1:], clip[:, -1:]], dim=1)
    blends = torch.stack([torch.lerp(clip, later, index / factor) for index in range(factor)], dim=2)
    return rearrange(blends, "b t i c h w -> b (t i) c h w")[:, : (clip.shape[1] - 1) * factor + 1]


CHUNK = 2**16
"""Input pixels that a module works on at a time when no gradient is wanted."""


def in_chunks(module: Callable[[Tensor], Tensor], pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c _ _"]:
    """Profiles are many small pictures and frames a few large ones: some at a time need a fraction of the memory.

    With a gradient everything is kept anyway.
    """
    if torch.is_grad_enabled():
        return module(pictures)
    count = max(1, CHUNK // (pictures.shape[-2] * pictures.shape[-1]))
    return torch.cat([module(some) for some in pictures.split(count)])
