"""YOGO: one alignment for all. A backward recurrence gathers structure, a forward one, which reads it, gathers detail.

Hu et al., "You Only Align Once: Bidirectional Interaction for Spatial-Temporal Video Super-Resolution", ACM MM 2022.
Read beside Fig. 2 to 4. Written from the paper; what it leaves open is in docs/networks/yogo.md. Differs: a bicubic
picture is added to the output (``base``).

    input frames ── extract ── F at the keys ── two neighbours convolved ── F at the instants between
    backward cell (RC-BI), last instant to first:  H^b = cell(F, H^b of the next)
    forward cell (RC-FI), first instant to last:   H^f = cell(F, H^f of the last, H^b of the next)
    F, H^b, H^f ── hybrid fusion blocks (HFM) ── all ── ShuffleTail ── frame
                                                in training also H^b ── structure, H^f ── detail

A cell is the paper's dynamic filter unit (DFU: align every neighbouring state to F) and fusion residual unit (FRU).
n any folded batch; see ``stvsr.clip`` for the other letters.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.align import TwoWayAlignment, leaky
from stvsr.blocks.residual import JoiningConv, Trunk, keep_power, start_small
from stvsr.blocks.upsample import ShuffleTail, bicubic_base
from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.networks.base import Network, Spec, TrainingOutput, check_choices


@dataclass(frozen=True, kw_only=True)
class YogoConfig:
    """The defaults are the paper's larger network, 64 filters."""

    scale: int = 4
    filters: int = 64
    groups: int = 8
    """Of the deformable convolutions."""
    extraction_blocks: int = 5
    init: Literal["cat", "mean", "fti"] = "cat"
    """Features between two keys: a convolution of both, their mean, or Zooming Slow-Mo's alignment of both ways."""
    propagation: Literal["interactive", "bidirectional", "backward"] = "interactive"
    """The forward cell reads the backward states, or does not, or there is none."""
    backward_blocks: int = 4
    """Fusion residual blocks (FRB) of the backward cell."""
    forward_blocks: int = 6
    alignment: Literal["before", "after", "none"] = "before"
    """Where the cells align (DFU): before their fusion blocks (FRU), after, or nowhere."""
    fusion: Literal["hybrid", "direct"] = "hybrid"
    """Hybrid blocks (HFB) fed with structure and detail, or as many plain convolutions of everything, without heads."""
    fusion_blocks: int = 9
    """HFBs; direct fusion has twice as many residual blocks, which weigh as much."""
    base: bool = True
    """Add the enlarged input frame, or the mean of two, to each output: the paper is silent."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.scale not in (1, 2, 4, 8):
            raise SettingsError(f"YOGO enlarges by 1, 2, 4 or 8, not by {self.scale}.")
        if self.filters % self.groups:
            raise SettingsError(f"filters must be a multiple of the {self.groups} groups, but is {self.filters}.")
        if self.propagation == "backward" and self.fusion == "hybrid":
            raise SettingsError("Hybrid fusion needs both directions: with propagation='backward' set fusion='direct'.")


def yogo_64(*, scale: int = 4, **changes: Any) -> "Yogo":
    """The paper's larger network."""
    return Yogo(YogoConfig(scale=scale, **changes))


def yogo_56(*, scale: int = 4, **changes: Any) -> "Yogo":
    """The paper's smaller network."""
    return Yogo(YogoConfig(scale=scale, **{"filters": 56, **changes}))


SMALL: dict[str, Any] = {
    "filters": 24,
    "groups": 3,
    "extraction_blocks": 2,
    "backward_blocks": 1,
    "forward_blocks": 2,
    "fusion_blocks": 2,
}


def yogo_24(*, scale: int = 4, **changes: Any) -> "Yogo":
    """Ours: the paper's parts, fewer and narrower, for training on a processor."""
    return Yogo(YogoConfig(scale=scale, **(SMALL | changes)))


class Yogo(Network):
    """Any number of frames in; they and the instants midway between them out, enlarged."""

    def __init__(self, config: YogoConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = Spec(scale=config.scale, step=Fraction(1, 2), multiple_of=4, int8=True)
        width = config.filters
        self.extract = Trunk(3, width, num_blocks=config.extraction_blocks)
        if config.init == "cat":
            self.between = nn.Conv2d(2 * width, width, 3, padding=1)
            keep_power(self.between, slope=1)
        elif config.init == "fti":
            self.between = TwoWayAlignment(width, groups=config.groups)
        cell = partial(RecurrentCell, width, groups=config.groups, alignment=config.alignment)
        self.backward_cell = cell(num_states=1, num_blocks=config.backward_blocks)
        if config.propagation != "backward":
            num_states = 2 if config.propagation == "interactive" else 1
            self.forward_cell = cell(num_states=num_states, num_blocks=config.forward_blocks)
        wide = width * (2 if config.propagation == "backward" else 3)
        self.fusion = nn.ModuleList()
        if config.fusion == "hybrid":
            self.fusion.extend(HybridFusionBlock(width) for _ in range(config.fusion_blocks))
            self.merge = nn.Conv2d(wide, width, 3, padding=1)
            keep_power(self.merge, slope=1)
            self.structure = ShuffleTail(width, scale=config.scale)
            self.detail = ShuffleTail(width, scale=config.scale)
        else:
            self.merge = Trunk(wide, width, num_blocks=2 * config.fusion_blocks)
        self.reconstruct = ShuffleTail(width, scale=config.scale)

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        maps = self.propagate(self.features(clip))
        return torch.stack([self.frame(clip, time, self.fused(maps[int(2 * time)])) for time in times], 1)

    def training_forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> TrainingOutput:
        """Extras, with hybrid fusion: ``structure`` and ``detail`` (b s c H W), what the backward and the forward
        branch hold of each frame at the end of the fusion."""
        maps = self.propagate(self.features(clip))
        wanted = [self.fused(maps[int(2 * time)]) for time in times]
        frames = [self.frame(clip, time, own) for time, own in zip(times, wanted, strict=True)]
        extras = {}
        if self.config.fusion == "hybrid":
            extras["structure"] = torch.stack([self.structure(backward) for _, backward, _ in wanted], 1)
            extras["detail"] = torch.stack([self.detail(forward) for _, _, forward in wanted], 1)
        return TrainingOutput(frames=torch.stack(frames, 1), extras=extras)

    def features(self, clip: Float[Tensor, "b t c h w"]) -> list[Tensor]:
        """F at every instant 0, 1/2, 1, ...: of each key from its frame alone, of each midpoint from its two keys."""
        count = clip.shape[1]
        feats = self.extract(rearrange(clip, "b t c h w -> (b t) c h w"))
        keys = list(rearrange(feats, "(b t) d h w -> t b d h w", t=count))
        instants = keys[:1]
        for before, after in pairwise(keys):
            instants += [self.interpolated(before, after), after]
        return instants

    def interpolated(
        self, before: Float[Tensor, "b d h w"], after: Float[Tensor, "b d h w"]
    ) -> Float[Tensor, "b d h w"]:
        """F midway between two keys: a first guess that no one aligns, unless ``init`` says so."""
        if self.config.init == "cat":
            return self.between(torch.cat([before, after], 1))
        return self.between(before, after) if self.config.init == "fti" else (before + after) / 2

    def propagate(self, feats: list[Tensor]) -> list[list[Tensor]]:
        """Per instant: F, its backward state and, where there is a forward cell, its forward state."""
        nothing = torch.zeros_like(feats[0])
        backward = [nothing]  # beyond the last instant
        for feat in reversed(feats):
            backward.insert(0, self.backward_cell(feat, backward[0]))
        if self.config.propagation == "backward":
            return [[feat, behind] for feat, behind in zip(feats, backward, strict=False)]
        maps: list[list[Tensor]] = []
        state = nothing
        for index, feat in enumerate(feats):
            states = [state, backward[index + 1]] if self.config.propagation == "interactive" else [state]
            state = self.forward_cell(feat, *states)
            maps.append([feat, backward[index], state])
        return maps

    def fused(self, maps: list[Tensor]) -> list[Tensor]:
        """The maps of one instant after the hybrid fusion blocks, if there are any (HFM)."""
        for block in self.fusion:
            maps = block(*maps)
        return maps

    def frame(
        self, clip: Float[Tensor, "b t c h w"], time: Fraction | float, maps: list[Tensor]
    ) -> Float[Tensor, "b c H W"]:
        """One frame out of the fused maps of its instant."""
        frame = self.reconstruct(self.merge(torch.cat(maps, 1)))
        return frame + bicubic_base(clip, time, self.config.scale) if self.config.base else frame


class RecurrentCell(nn.Module):
    """Fig. 3: align the neighbouring states (DFU), fuse them with the features (FRU), convolve to one state."""

    def __init__(self, width: int, *, groups: int, num_states: int, num_blocks: int, alignment: str) -> None:
        super().__init__()
        self.alignment = alignment
        aligners = 0 if alignment == "none" else num_states
        self.aligners = nn.ModuleList(TwoWayAlignment(width, groups=groups) for _ in range(aligners))
        self.blocks = nn.ModuleList(FusionResidualBlock(width, branches=num_states + 1) for _ in range(num_blocks))
        self.exit = nn.Conv2d((num_states + 1) * width, width, 1)
        keep_power(self.exit, slope=1)

    def forward(self, feat: Float[Tensor, "n d h w"], *states: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        branches = [feat, *states]
        if self.alignment == "before":
            branches = self.align(branches)
        for block in self.blocks:
            branches = block(branches)
        if self.alignment == "after":
            branches = self.align(branches)
        return self.exit(torch.cat(branches, 1))

    def align(self, branches: list[Tensor]) -> list[Tensor]:
        feat, *states = branches
        return [feat, *(aligner(state, feat) for aligner, state in zip(self.aligners, states, strict=True))]


class FusionResidualBlock(nn.Module):
    """FRB: each branch learns a residual from itself and from what all of them share."""

    def __init__(self, width: int, *, branches: int) -> None:
        super().__init__()
        self.own = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(branches))
        self.joint = JoiningConv(branches * width, width, 1)
        self.residual = nn.ModuleList(small_conv(width) for _ in range(branches))
        keep_power(self.own, self.joint)

    def forward(self, branches: list[Tensor]) -> list[Tensor]:
        own = [leaky(conv(branch)) for conv, branch in zip(self.own, branches, strict=True)]
        joint = leaky(self.joint(*own))
        parts = zip(branches, self.residual, own, strict=True)
        return [branch + residual(seen + joint) for branch, residual, seen in parts]


class HybridFusionBlock(nn.Module):
    """HFB, Fig. 4: both states refine themselves (Eq. 2); what one adds weighs what the other adds, for F (Eq. 3)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.refine_backward, self.refine_forward = residual(width), residual(width)
        self.attend_backward, self.attend_forward = ChannelAttention(width), ChannelAttention(width)

    def forward(
        self,
        feat: Float[Tensor, "n d h w"],
        backward: Float[Tensor, "n d h w"],
        forward: Float[Tensor, "n d h w"],
    ) -> list[Tensor]:
        more_backward, more_forward = self.refine_backward(backward), self.refine_forward(forward)
        feat = (
            feat
            + self.attend_backward(more_backward) * more_forward
            + self.attend_forward(more_forward) * more_backward
        )
        return [feat, backward + more_backward, forward + more_forward]


def residual(width: int) -> nn.Sequential:
    """A residual block without its skip, which Eq. 2 adds."""
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(inplace=True), small_conv(width))


def small_conv(width: int) -> nn.Conv2d:
    """The last convolution of a residual: it starts with little to say, so that chains of them train."""
    conv = nn.Conv2d(width, width, 3, padding=1)
    start_small(conv)
    return conv


class ChannelAttention(nn.Module):
    """Squeeze and excitation (Hu et al., CVPR 2018): a weight per channel, from its mean over the picture."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = max(width // 16, 1)
        self.squeeze, self.excite = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)
        # residuals begin with means near zero, where half of so few units would be dead, and stay so
        nn.init.ones_(self.squeeze.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d 1 1"]:
        return self.excite(F.relu(self.squeeze(feat.mean((2, 3), keepdim=True)))).sigmoid()
