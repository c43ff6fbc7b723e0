"""STINet: features at the input size and at the output size, between which everything interacts.

Yue, Shi, Ding and Yang, "Enhancing Space-time Video Super-resolution via Spatial-temporal Feature Interaction".
Read beside Fig. 2 to 4. Written from the paper; what it leaves open and where this differs from the authors' own code
(any instants, any number of frames, edges that weigh the messages) is in docs/networks/stinet.md.

    input frames ── DBPN (S-SR) ── high features ── shrunk ── low features
    between two frames: their flow, adapted to the instant, and their features ── Interpolation (ST-FI)
    every instant, with its two neighbours in time ── LocalRefinement (ST-LR)
    all instants together, as nodes of a graph ── GraphRefinement (ST-GR)
    low ── ShuffleTail ──┐
    high ── 1x1 ─────────┴── frame

n any folded batch; see ``stvsr.clip`` for the other letters.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.align import leaky
from stvsr.blocks.dbpn import DBPN, Enlarge, Shrink
from stvsr.blocks.deformable import DeformableConv
from stvsr.blocks.graph import GraphRefinement
from stvsr.blocks.recurrent import BidirectionalLSTM
from stvsr.blocks.residual import start_small
from stvsr.blocks.upsample import ShuffleTail
from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.networks.base import Network, Spec, TrainingOutput, check_choices
from stvsr.ops.flow import farneback


@dataclass(frozen=True, kw_only=True)
class StinetConfig:
    """The defaults are the paper's network; most switches are rows of its Tables I, III and IV."""

    scale: int = 4
    width: int = 64
    motion_width: int = 32
    stages: int = 5
    """Up-projections of the DBPN."""
    frozen: bool = False
    """Keep the DBPN as it is: for one that was trained before, as the authors do."""
    low: bool = True
    """Features at the input size (LR)."""
    high: bool = True
    """Features at the output size (HR)."""
    flow: Literal["adapted", "original", "none"] = "adapted"
    """What interpolation knows of motion: flow from the instant, flow between its two input frames, nothing."""
    blocks: int = 5
    share: bool = True
    """Low and high features are interpolated by the same residual blocks."""
    local_passes: int = 1
    """How often ST-LR is applied, with the same weights; 0: not at all."""
    groups: int = 8
    """Of the deformable convolutions."""
    low_offsets: bool = True
    """Learn motion offsets from low features (s^L); without, both levels use those of the high ones."""
    high_offsets: bool = True
    """Learn motion offsets from high features (s^H); without, both levels use those of the low ones."""
    interaction: bool = True
    """Offsets of the two levels inform each other (Inet)."""
    refinement: Literal["graph", "lstm", "none"] = "graph"
    """Over the whole sequence: ST-GR, Zooming Slow-Mo's bidirectional deformable ConvLSTM (BDCL), nothing."""
    graph_width: int = 256
    graph_layers: int = 4
    gate: float = 0.1
    """How much the graph's nodes modulate the features."""
    edge_frame: bool = True
    """Edges know how alike two frames are as a whole (E^F)."""
    edge_pixel: bool = True
    """Edges know how alike two frames are pixel by pixel (E^P)."""
    edge_time: bool = True
    """Edges know how close in time two frames are (E^T)."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.scale not in (2, 4, 8):
            raise SettingsError(f"STINet enlarges by 2, 4 or 8, not by {self.scale}.")
        if self.width % self.groups:
            raise SettingsError(f"width must be a multiple of groups, but is {self.width} for {self.groups} groups.")
        if self.refinement == "lstm" and self.width % 8:
            raise SettingsError(f"refinement='lstm' needs a width that is a multiple of 8, but it is {self.width}.")
        if not (self.low or self.high):
            raise SettingsError("STINet needs features of one size at least: set low=True or high=True.")
        if self.local_passes and not (self.learns_low_offsets or self.learns_high_offsets):
            raise SettingsError("ST-LR needs motion offsets of a level that there is: set low_offsets or high_offsets.")

    @property
    def learns_low_offsets(self) -> bool:
        return self.low and self.low_offsets

    @property
    def learns_high_offsets(self) -> bool:
        return self.high and self.high_offsets


def stinet(*, scale: int = 4, **changes: Any) -> "STINet":
    """The paper's network."""
    return STINet(StinetConfig(scale=scale, **changes))


SMALL: dict[str, Any] = {
    "width": 16,
    "motion_width": 16,
    "stages": 2,
    "blocks": 1,
    "groups": 2,
    "graph_width": 32,
    "graph_layers": 1,
}


def stinet_16(*, scale: int = 4, **changes: Any) -> "STINet":
    """Ours: the paper's parts, fewer and narrower, for training on a processor."""
    return STINet(StinetConfig(scale=scale, **(SMALL | changes)))


@dataclass(frozen=True, slots=True)
class Maps:
    """The features of one instant; None where the config has no such level."""

    low: Float[Tensor, "b d h w"] | None
    high: Float[Tensor, "b d H W"] | None


def levels_of(maps: list[Maps]) -> tuple[list[Tensor], list[Tensor]]:
    """Low and high features of all instants; an empty list for a level that is not there."""
    return [each.low for each in maps if each.low is not None], [each.high for each in maps if each.high is not None]


def paired(lows: list[Tensor], highs: list[Tensor]) -> list[Maps]:
    """The reverse of ``levels_of``."""
    none = [None] * max(len(lows), len(highs))
    return [Maps(low, high) for low, high in zip(lows or none, highs or none, strict=True)]


class STINet(Network):
    """Any number of frames in, any instants out."""

    def __init__(self, config: StinetConfig) -> None:
        super().__init__()
        self.config = config
        # the ConvLSTM's alignment halves its maps twice
        multiple_of = 4 if config.refinement == "lstm" else 1
        self.spec = Spec(scale=config.scale, step=None, multiple_of=multiple_of, int8=True)
        width, scale = config.width, config.scale
        self.enlarge = DBPN(scale=scale, width=width, stages=config.stages).requires_grad_(not config.frozen)
        self.between = Interpolation(config)
        self.local = LocalRefinement(config) if config.local_passes else None
        self.graph = None
        if config.refinement == "graph":
            self.graph = GraphRefinement(
                width,
                hidden=config.graph_width,
                num_layers=config.graph_layers,
                gate=config.gate,
                frame=config.edge_frame,
                pixel=config.edge_pixel,
                time=config.edge_time,
                shrink=scale if config.low and config.high else None,
            )
        self.lstm = BidirectionalLSTM(width) if config.refinement == "lstm" else None
        if config.low:
            self.shrink = nn.Sequential(LeakyBlock(width), Shrink(width, width, scale=scale))
            self.low_head = nn.Conv2d(width, 3, 3, padding=1)
            self.low_exit = ShuffleTail(width, scale=scale)
        if config.high:
            self.high_head = nn.Conv2d(width, 3, 3, padding=1)
            self.high_exit = nn.Conv2d(width, 3, 1)

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        instants = sequence(clip, times)
        maps = self.refined(self.initial(clip, self.enlarged(clip), instants), instants)
        return torch.stack([self.frame(maps[instants.index(Fraction(time))]) for time in times], 1)

    def training_forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> TrainingOutput:
        """Extras: ``low`` (b s c h w) and ``high`` (b s c H W), pictures of the features before refinement, for the
        levels that there are; ``space`` (b t c H W), the input frames enlarged by the DBPN alone, unless frozen."""
        instants = sequence(clip, times)
        wanted = [instants.index(Fraction(time)) for time in times]
        highs = self.enlarged(clip)
        initial = self.initial(clip, highs, instants)
        refined = self.refined(initial, instants)
        extras = {}
        if self.config.low:
            extras["low"] = torch.stack([self.low_head(initial[index].low) for index in wanted], 1)
        if self.config.high:
            extras["high"] = torch.stack([self.high_head(initial[index].high) for index in wanted], 1)
        if not self.config.frozen:
            extras["space"] = torch.stack([self.enlarge.colour(high) for high in highs], 1)
        return TrainingOutput(frames=torch.stack([self.frame(refined[index]) for index in wanted], 1), extras=extras)

    def enlarged(self, clip: Float[Tensor, "b t c h w"]) -> list[Tensor]:
        """High features of the input frames, each from its frame alone (S-SR)."""
        return [self.enlarge(frame) for frame in clip.unbind(1)]

    def initial(self, clip: Float[Tensor, "b t c h w"], highs: list[Tensor], instants: list[Fraction]) -> list[Maps]:
        """Features of every instant: those of the input frames, and others interpolated (ST-FI)."""
        config = self.config
        keys = [Maps(self.shrink(high) if config.low else None, high if config.high else None) for high in highs]
        if len(instants) == len(keys):
            return keys
        forth, back = pair_flows(clip) if config.flow != "none" else (None, None)
        maps = []
        for instant in instants:
            key, share = int(instant), float(instant - int(instant))
            if share == 0:
                maps.append(keys[key])
            elif forth is None or back is None:
                maps.append(self.between(None, keys[key], keys[key + 1]))
            else:
                # Eq. 1: motion is linear between two input frames
                to_before, to_after = (share, 1 - share) if config.flow == "adapted" else (1.0, 1.0)
                flows = torch.cat([to_before * back[:, key], to_after * forth[:, key]], 1)
                maps.append(self.between(flows, keys[key], keys[key + 1]))
        return maps

    def refined(self, maps: list[Maps], instants: list[Fraction]) -> list[Maps]:
        """The features after local and global refinement."""
        for _ in range(self.config.local_passes):
            assert self.local is not None
            ends = [maps[0], *maps, maps[-1]]  # the first and the last are their own neighbours
            maps = [self.local(*three) for three in zip(ends, ends[1:], ends[2:], strict=False)]
        if self.graph is not None:
            return paired(*self.graph(*levels_of(maps), instants))
        if self.lstm is not None:
            return paired(*(self.lstm(feats) if feats else feats for feats in levels_of(maps)))
        return maps

    def frame(self, maps: Maps) -> Float[Tensor, "b c H W"]:
        """Section III-E: the pictures of the two levels, added."""
        if maps.low is None:
            return self.high_exit(maps.high)
        low = self.low_exit(maps.low)
        return low if maps.high is None else low + self.high_exit(maps.high)


def sequence(clip: Float[Tensor, "b t c h w"], times: Times) -> list[Fraction]:
    """All instants that take part: the input frames and those asked for."""
    return sorted({Fraction(time) for time in times} | {Fraction(index) for index in range(clip.shape[1])})


@torch.no_grad()
def pair_flows(clip: Float[Tensor, "b t c h w"]) -> tuple[Float[Tensor, "b p 2 h w"], Float[Tensor, "b p 2 h w"]]:
    """Flow from each input frame to the next, and back. The frames are given, so no one needs its gradient."""
    first, second = (rearrange(side, "b p c h w -> (b p) c h w") for side in (clip[:, :-1], clip[:, 1:]))
    flows = farneback(torch.cat([first, second]), torch.cat([second, first]))
    forth, back = rearrange(flows, "(way b p) xy h w -> way b p xy h w", way=2, b=clip.shape[0])
    return forth, back


class LeakyBlock(nn.Module):
    """conv3x3, LeakyReLU, conv3x3, plus the input, LeakyReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        start_small(self.second)

    def forward(self, feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
        return leaky(self.second(leaky(self.first(feat))) + feat)


class Interpolation(nn.Module):
    """ST-FI (Fig. 3a): features between two input frames. Motion (Mnet) and both neighbours enter two branches, one
    per level, which work at the output size and share their residual blocks (Pnet)."""

    def __init__(self, config: StinetConfig) -> None:
        super().__init__()
        width, scale, narrow = config.width, config.scale, config.motion_width
        self.scale = scale
        if config.flow != "none":
            self.motion = nn.Sequential(
                nn.Conv2d(4, narrow, 3, padding=1),
                nn.LeakyReLU(0.1),
                LeakyBlock(narrow),
                LeakyBlock(narrow),
                nn.Conv2d(narrow, width, 3, padding=1),
            )
        entering = (2 if config.flow == "none" else 3) * width
        if config.low:
            self.low_entry = nn.Sequential(Enlarge(entering, width, scale=scale), nn.LeakyReLU(0.1), LeakyBlock(width))
            self.low_exit = nn.Sequential(LeakyBlock(width), Shrink(width, width, scale=scale))
        if config.high:
            self.high_entry = nn.Sequential(nn.Conv2d(entering, width, 3, padding=1), nn.LeakyReLU(0.1))
            self.high_exit = nn.Sequential(LeakyBlock(width), nn.Conv2d(width, width, 3, padding=1))
        self.blocks = nn.Sequential(*(LeakyBlock(width) for _ in range(config.blocks)))
        apart = config.low and config.high and not config.share
        self.high_blocks = nn.Sequential(*(LeakyBlock(width) for _ in range(config.blocks))) if apart else None

    def forward(self, flows: Float[Tensor, "b 4 h w"] | None, before: Maps, after: Maps) -> Maps:
        motion = [] if flows is None else [self.motion(flows)]
        low = high = None
        if before.low is not None and after.low is not None:
            entry = self.low_entry(torch.cat([*motion, before.low, after.low], 1))
            low = self.low_exit(entry + self.blocks(entry))
        if before.high is not None and after.high is not None:
            motion = [F.interpolate(feat, scale_factor=self.scale, mode="bilinear") for feat in motion]
            blocks = self.blocks if self.high_blocks is None else self.high_blocks
            entry = self.high_entry(torch.cat([*motion, before.high, after.high], 1))
            high = self.high_exit(entry + blocks(entry))
        return Maps(low, high)


class LocalRefinement(nn.Module):
    """ST-LR (Fig. 4): both neighbours, fetched to where this instant is, refine it.

    High features and their offsets are shrunk before they meet the low ones, and what was fetched is enlarged again;
    all weights but those of the changes of size serve both levels.
    """

    def __init__(self, config: StinetConfig) -> None:
        super().__init__()
        width, scale = config.width, config.scale
        self.config = config
        self.from_before, self.from_after = Neighbour(width, config.groups), Neighbour(width, config.groups)
        if config.high:
            self.shrink = Shrink(width, width, scale=scale)
            self.enlarge = Enlarge(width, width, scale=scale)
        if config.learns_high_offsets:
            self.shrink_offsets = Shrink(width, width, scale=scale)
        both = config.learns_low_offsets and config.learns_high_offsets
        self.interact = Interaction(width) if both and config.interaction else None
        layers = [layer for _ in range(3) for layer in (nn.Conv2d(3 * width, 3 * width, 1), nn.LeakyReLU(0.1))]
        self.fuse = nn.Sequential(*layers, nn.Conv2d(3 * width, width, 1))

    def forward(self, before: Maps, now: Maps, after: Maps) -> Maps:
        sides = [(self.from_before, before), (self.from_after, after)]
        offsets = [self.offsets(neighbour, there, now) for neighbour, there in sides]
        low = high = None
        if now.low is not None:
            seen = [
                neighbour.fetch(there.low, own) for (neighbour, there), (own, _) in zip(sides, offsets, strict=True)
            ]
            low = now.low + self.fuse(torch.cat([now.low, *seen], 1))
        if now.high is not None:
            seen = [
                self.enlarge(neighbour.fetch(self.shrink(there.high), own))
                for (neighbour, there), (_, own) in zip(sides, offsets, strict=True)
            ]
            high = now.high + self.fuse(torch.cat([now.high, *seen], 1))
        return Maps(low, high)

    def offsets(
        self, neighbour: "Neighbour", there: Maps, now: Maps
    ) -> tuple[Float[Tensor, "b d h w"] | None, Float[Tensor, "b d h w"] | None]:
        """Motion from a neighbour to this instant, for low and for high features, both at the input size. Where the
        config leaves one level's out, the other's serves both."""
        low = high = None
        if there.low is not None and now.low is not None and self.config.low_offsets:
            low = neighbour.compare(torch.cat([there.low, now.low], 1))
        if there.high is not None and now.high is not None and self.config.high_offsets:
            high = self.shrink_offsets(neighbour.compare(torch.cat([there.high, now.high], 1)))
        if self.interact is not None:
            return self.interact(low, high)
        return (high if low is None else low), (low if high is None else high)


class Neighbour(nn.Module):
    """What brings a neighbour's features to where an instant is, from one side in time."""

    def __init__(self, width: int, groups: int) -> None:
        super().__init__()
        self.compare = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(width, width, 3, padding=1)
        )
        self.fetch = DeformableConv(width, width, groups=groups)


class Interaction(nn.Module):
    """Inet: what the offsets of both levels say together is added to each, by its own convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.join = nn.Conv2d(2 * width, width, 1)
        self.to_low, self.to_high = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)

    def forward(
        self, low: Float[Tensor, "b d h w"], high: Float[Tensor, "b d h w"]
    ) -> tuple[Float[Tensor, "b d h w"], Float[Tensor, "b d h w"]]:
        joint = leaky(self.join(torch.cat([low, high], 1)))
        return low + self.to_low(joint), high + self.to_high(joint)
