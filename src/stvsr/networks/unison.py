"""Unison: one optical flow per pair of input frames, used for everything.

Our own network. It takes the two-way feedback between interpolation and super-resolution from MBnet, the single
alignment and the backward-forward interaction from YOGO, flow adapted to any instant from STINet, and keeps all the
work at the size of the input: one pixel shuffle at the end. The reasons and the measurements are in docs/decisions.md.

    input frames ── encoder ── features of the input frames
    every neighbouring pair ── FlowPyramid ── flow forth and back ── a velocity for any instant between the two
    instants between ── features and picture warped from both sides, merged (Between)
    backward recurrence over all instants, then forward recurrence, which sees the backward state and the last detail
    tail, head: forward state ── detail over bicubic of the input picture (or of that merged between), pixel shuffle

A twofold network looks at the clip a second time, backwards and upside down, with the same weights: the forward
recurrence of each look sees the backward states of both, and what both make of an instant is averaged.

b batch · t input frames · s rendered instants · p pairs of neighbouring input frames · n any folded batch ·
c colour · d features · h w input size · H W output size. Flows are in input pixels.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from itertools import chain, pairwise
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import Trunk, start_small
from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.networks.base import Network, Spec, TrainingOutput
from stvsr.ops.correlate import local_correlation
from stvsr.ops.phases import enlarged_with
from stvsr.ops.warp import backward_warp, warp_phases

DETAIL_GAIN = 8
"""Detail is weak beside features: this makes it as strong, for learning and where both share the steps of 8 bits."""


@dataclass(frozen=True, kw_only=True)
class UnisonConfig:
    """Sizes of the rooms; the defaults are ``unison-s``."""

    scale: int = 4
    """1: for time alone. Nothing is enlarged; the picture between is the one that otherwise lies under the frame."""
    width: int = 32
    encoder_blocks: int = 2
    between_blocks: int = 2
    backward_blocks: int = 5
    forward_blocks: int = 7
    tail_width: int = 64
    """Features between the last state and the detail: the state itself is narrower than what is made of it."""
    flow_width: int = 32
    flow_estimate: Sequence[int] = (64, 64, 48)
    """Widths of the flow's estimator before its last convolution."""
    detail: bool = True
    """The forward recurrence sees the detail of the last frame out, warped at the size of the output (FRVSR, Sajjadi et
    al. 2018): folded into features, it could only be moved by whole input pixels without blur."""
    backward_detail: bool = True
    """The backward recurrence, too, makes detail of its states, and sees that of the frame it comes from."""
    twofold: bool = False
    """Two looks with the same weights: what it makes of the turned clip is the turned frames (a symmetry had by
    averaging, Puny et al. 2022), and there are two recurrences in each direction, as in BasicVSR++ (Chan et al. 2022).
    """
    flow: bool = True
    """False forces every flow to zero: the ablation that shows whether the time half is alive."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "flow_estimate", tuple(self.flow_estimate))  # a list where it comes from JSON

    def side_by_side(self, conv: str, width_in: int) -> tuple[int, ...]:
        """The widths of the maps that lie side by side where this convolution begins."""
        width = self.width
        return {
            "between.merge.entry": (width, 3, width, 3, 2, 1),
            "backward_cell.entry": (width, width, width_in - 2 * width),
            "forward_cell.entry": (width, width, width, width_in - (3 + self.twofold) * width, self.twofold * width),
        }.get(conv, (width_in,))

    def fits_into(self, larger: "UnisonConfig") -> bool:
        """Whether the larger one has room for every part of this one."""
        ours, theirs = asdict(self), asdict(larger)
        rooms = {name for name in ours if name.endswith(("_blocks", "width"))} - {"flow_width"}
        rooms |= {"backward_detail", "twofold"}
        return all(ours[name] <= theirs[name] if name in rooms else ours[name] == theirs[name] for name in ours)


def unison_s(*, scale: int = 4, **changes: Any) -> "Unison":
    """The small one, for a laptop. changes: fields of ``UnisonConfig``."""
    return Unison(UnisonConfig(scale=scale, **changes))


MIDDLE: dict[str, Any] = {
    "encoder_blocks": 4,
    "between_blocks": 4,
    "backward_blocks": 10,
    "forward_blocks": 14,
    "twofold": True,
}


def unison_m(*, scale: int = 4, **changes: Any) -> "Unison":
    """The middle one: twice as deep, and twofold. changes: fields of ``UnisonConfig``."""
    return Unison(UnisonConfig(scale=scale, **(MIDDLE | changes)))


class Unison(Network):
    """x2 or x4 in space (or x1: time alone), any instant in time."""

    def __init__(self, config: UnisonConfig) -> None:
        super().__init__()
        self.config = config
        self.spec = Spec(scale=config.scale, step=None, multiple_of=8, int8=True)
        width = config.width
        self.encoder = Trunk(3, width, num_blocks=config.encoder_blocks)
        self.flow = FlowPyramid(config.flow_width, config.flow_estimate)
        self.between = Between(width, num_blocks=config.between_blocks)
        if config.scale == 1:
            return
        phases = 3 * config.scale**2
        self.backward_cell = Trunk(
            2 * width + config.backward_detail * phases, width, num_blocks=config.backward_blocks
        )
        self.forward_cell = Trunk(
            (3 + config.twofold) * width + config.detail * phases, width, num_blocks=config.forward_blocks
        )
        self.tail = Trunk(width, config.tail_width, num_blocks=0)
        self.head = nn.Conv2d(config.tail_width, phases, 3, padding=1)
        start_small(self.head)  # the first step is then close to bicubic
        if config.backward_detail:
            self.backward_head = nn.Conv2d(width, phases, 3, padding=1)
            start_small(self.backward_head)

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        return self.training_forward(clip, times).frames

    def training_forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> TrainingOutput:
        """Extras: ``base`` (b s c h w), the small picture under each output frame; ``flow_forth`` and ``flow_back``
        (b p 2 h w), from each input frame to the next and back; in training, where the backward recurrence makes
        detail, ``backward`` (b s c H W), the frames with this detail."""
        flow = self.motion(clip)
        if not self.config.flow:
            flow = torch.zeros_like(flow[0]), torch.zeros_like(flow[1])
        return self.rendered(clip, times, *flow)

    def training_along(
        self,
        clip: Float[Tensor, "b t c h w"],
        times: Times,
        forth: Float[Tensor, "b p 2 h w"],
        back: Float[Tensor, "b p 2 h w"],
    ) -> TrainingOutput:
        flow_forth, flow_back = self.motion(clip)
        output = self.rendered(clip, times, forth, back)
        return replace(output, extras=output.extras | {"flow_forth": flow_forth, "flow_back": flow_back})

    def motion(self, clip: Float[Tensor, "b t c h w"]) -> tuple[Float[Tensor, "b p 2 h w"], Float[Tensor, "b p 2 h w"]]:
        """Flow from each input frame to the next and back, as all looks have it in the mean."""
        forth, back = self.flow(clip)
        if self.config.twofold:
            other_forth, other_back = turned_flow(*self.flow(turned_clip(clip)))
            forth, back = (forth + other_forth) / 2, (back + other_back) / 2
        return forth, back

    def rendered(
        self,
        clip: Float[Tensor, "b t c h w"],
        times: Times,
        forth: Float[Tensor, "b p 2 h w"],
        back: Float[Tensor, "b p 2 h w"],
    ) -> TrainingOutput:
        """The frames along this flow."""
        # every input frame and every instant asked for takes part in the recurrences: interpolation feeds the keys
        last = clip.shape[1] - 1
        wanted = {Fraction(time) for time in times}
        instants = sorted(wanted | {Fraction(index) for index in range(last + 1)})
        looks = [self.look(instants, clip, forth, back)]
        if self.config.twofold:
            from_behind = [last - instant for instant in reversed(instants)]
            looks.append(self.look(from_behind, turned_clip(clip), *turned_flow(forth, back)))
        order = range(len(instants))
        mirror = order[::-1]  # what number an instant has in the other look
        shown = [index for index in order if instants[index] in wanted]
        bases = {index: looks[0].bases[index] for index in shown}
        for look in looks[1:]:
            bases = {index: (base + look.bases[mirror[index]].flip(-2)) / 2 for index, base in bases.items()}
        base = torch.stack(list(bases.values()), 1)
        extras = {"base": base, "flow_forth": forth, "flow_back": back}
        if self.config.scale == 1:
            return TrainingOutput(frames=base, extras=extras)

        def enlarged(details: Iterable[tuple[int, Tensor]], *others: Iterable[tuple[int, Tensor]]) -> Tensor:
            """The wanted frames with the detail of the looks, each by the number of the instant, in the mean."""
            turned = {mirror[at]: self.turned_detail(detail) for other in others for at, detail in other}
            means = ((at, (detail + turned[at]) / 2 if turned else detail) for at, detail in details if at in bases)
            return enlarged_with(((detail, bases[at]) for at, detail in means), len(bases), self.config.scale)

        make = self.backward_head if self.config.backward_detail else None
        states, early = list[dict[int, Tensor]](), list[dict[int, Tensor]]()
        for look in looks:
            states.append({})
            early.append({})
            for index, state, detail in self.recurrence(self.backward_cell, make, look, mirror, sees_detail=bool(make)):
                states[-1][index] = state
                if make and self.training:
                    early[-1][index] = detail
        if make and self.training:
            extras["backward"] = enlarged(*(sorted(details.items()) for details in early))

        def late(number: int, end: int) -> Iterator[tuple[int, Tensor]]:
            """The detail of one look. What lies behind the end was there for the backward recurrence."""
            own, *others = states[number:] + states[:number]
            run = self.recurrence(
                self.forward_cell,
                self.detail,
                looks[number],
                order[: end + 1],
                lambda index: [own[index], *(other[mirror[index]].flip(-2) for other in others)],
                sees_detail=self.config.detail,
            )
            return ((index, detail) for index, _, detail in run)

        ends = (shown[-1], mirror[shown[0]])[: len(looks)]
        return TrainingOutput(frames=enlarged(*map(late, range(len(looks)), ends)), extras=extras)

    def look(
        self,
        instants: Sequence[Fraction],
        clip: Float[Tensor, "b t c h w"],
        forth: Float[Tensor, "b p 2 h w"],
        back: Float[Tensor, "b p 2 h w"],
    ) -> "Look":
        """What is known of each instant before the recurrences."""
        feats, bases = self.features_at(instants, clip, forth, back)
        return Look(feats, bases, lambda here, there: flow_between(instants[here], instants[there], forth, back))

    def turned_detail(self, folded: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d h w"]:
        """Upside down: so are the large pixels within each small one."""
        folds = {"y": self.config.scale, "x": self.config.scale}
        turned = rearrange(folded, "b (c y x) h w -> b h w c y x", **folds).flip(1, 4)
        return rearrange(turned, "b h w c y x -> b (c y x) h w")

    def detail(self, state: Float[Tensor, "b d h w"]) -> Float[Tensor, "b d2 h w"]:
        """Folded, of the forward recurrence."""
        return self.head(self.tail(state))

    def features_at(
        self,
        instants: Sequence[Fraction],
        clip: Float[Tensor, "b t c h w"],
        forth: Float[Tensor, "b p 2 h w"],
        back: Float[Tensor, "b p 2 h w"],
    ) -> tuple[list[Float[Tensor, "b d h w"]], list[Float[Tensor, "b c h w"]]]:
        """Features and small picture at each instant."""
        keys = [key.contiguous(memory_format=torch.channels_last) for key in clip.unbind(1)]  # as features lie
        clip_feats = rearrange(
            self.encoder(rearrange(clip, "b t c h w -> (b t) c h w")), "(b t) d h w -> b t d h w", t=len(keys)
        )
        found: list[tuple[Tensor, Tensor]] = []
        for instant in instants:
            key, share = int(instant), float(instant - int(instant))
            if share == 0:
                found.append((clip_feats[:, key], keys[key]))
                continue
            velocity = velocity_at(share, forth[:, key], back[:, key])
            sides = clip_feats[:, key], clip_feats[:, key + 1], keys[key], keys[key + 1]
            found.append(self.between(share, velocity, *sides, refine=self.config.flow))
        return [feat for feat, _ in found], [base for _, base in found]

    def recurrence(
        self,
        cell: nn.Module,
        to_detail: Callable[[Tensor], Tensor] | None,
        look: "Look",
        order: Sequence[int],
        beside: Callable[[int], list[Float[Tensor, "b d h w"]]] | None = None,
        *,
        sees_detail: bool,
    ) -> Iterator[tuple[int, Float[Tensor, "b d h w"], Float[Tensor, "b d2 h w"]]]:
        """The instants in this order, each with its state and the folded detail made of it (none: zeros). Each sees,
        along the flow, the last one's state and where told to its detail, and what lies beside its own features."""
        scale, feats = self.config.scale, look.feats
        state = torch.zeros_like(feats[0])
        nothing = state.new_zeros(len(state), *state.shape[-2:], 3 * scale**2)
        detail = seen = rearrange(nothing, "b h w d -> b d h w")  # channels last, as the features lie
        last = None
        for index in order:
            if last is not None:
                to_last = look.flow(index, last)
                state = backward_warp(state, to_last)
                if sees_detail:
                    seen = warp_phases(detail, to_last, scale, gain=DETAIL_GAIN)
            near = beside(index) if beside else []  # own first; others' last, so that one look's weights stay in place
            state = cell(feats[index], state, *near[:1], *([seen] if sees_detail else []), *near[1:])
            detail = to_detail(state) if to_detail else detail
            yield index, state, detail
            last = index

    @torch.no_grad()
    def grow_from(self, small: Network) -> None:
        """Begin by computing what a smaller Unison computes (after Net2Net, Chen et al. 2016): its features come first
        and see nothing of the further ones, which begin as they were drawn, and learn. Blocks that it lacks add nothing
        to its features. From one of twice the scale: what that one makes, averaged over squares of 2 by 2.
        Raises SettingsError for what is no smaller Unison with the same flow."""
        if isinstance(small, Unison) and small.config.scale == 2 * self.config.scale > 2:
            small = small.halved()
        if not isinstance(small, Unison) or not small.config.fits_into(self.config):
            built = getattr(small, "config", type(small).__name__)
            raise SettingsError(f"{self.config} cannot grow from {built}: it must be narrower and have the same flow.")
        held = dict(small.named_modules())
        for name, conv in self.named_modules():
            if not isinstance(conv, nn.Conv2d):
                continue
            assert conv.bias is not None
            old = held.get(name)
            if isinstance(old, nn.Conv2d):
                assert old.bias is not None
                kept, source, place = len(old.weight), 0, 0
                conv.bias[:kept] = old.bias
                conv.weight[:kept].zero_()
                widths = small.config.side_by_side(name, old.in_channels)
                rooms = self.config.side_by_side(name, conv.in_channels)
                for width, room in zip(widths, rooms, strict=True):
                    conv.weight[:kept, place : place + width] = old.weight[:, source : source + width]
                    source, place = source + width, place + room
            elif name.endswith(".second"):  # the last convolution of a block that the smaller one lacks
                conv.bias[: small.config.width].zero_()
                conv.weight[: small.config.width].zero_()

    @torch.no_grad()
    def halved(self) -> "Unison":
        """This network at half the scale: its detail is this one's, averaged over squares of 2 by 2."""
        network = Unison(replace(self.config, scale=self.config.scale // 2))
        weights = dict(self.state_dict())
        squares, side = "(c y p x q) ... -> c y x p q ...", {"c": 3, "p": 2, "q": 2, "y": network.config.scale}
        for name in ("head", "backward_head"):
            for part in (f"{name}.weight", f"{name}.bias"):
                if part in weights:
                    weights[part] = rearrange(weights[part], squares, **side).mean((3, 4)).flatten(0, 2)
        for name, place in (("forward_cell.entry", 3), ("backward_cell.entry", 2)):  # where the last detail lies
            entry = weights[f"{name}.weight"]
            maps = list(entry.split(self.config.side_by_side(name, entry.shape[1]), 1))
            seen = rearrange(maps[place].transpose(0, 1), squares, **side).sum((3, 4)).flatten(0, 2)
            maps[place] = seen.transpose(0, 1)
            weights[f"{name}.weight"] = torch.cat(maps, 1)
        network.load_state_dict(weights)
        return network

    def without(self, part: str) -> "Unison":
        """This network with one part switched off, weights shared: ``flow`` (all motion taken for zero)."""
        if part != "flow":
            raise SettingsError(f"Unison has no part {part!r} that can be switched off. Choose 'flow'.")
        network = Unison(replace(self.config, flow=False)).to(next(self.parameters()).device)
        network.load_state_dict(self.state_dict(), assign=True)
        return network.train(self.training)


@dataclass(frozen=True, slots=True)
class Look:
    """A clip seen one way, by the number of the instant in its own time."""

    feats: Sequence[Float[Tensor, "b d h w"]]
    bases: Sequence[Float[Tensor, "b c h w"]]
    """The small picture."""
    flow: Callable[[int, int], Float[Tensor, "b 2 h w"]]
    """From one instant to a neighbouring one."""


def turned_clip(clip: Float[Tensor, "b t c h w"]) -> Float[Tensor, "b t c h w"]:
    """Backwards and upside down: no other view of ``stvsr.inference.views`` is the same."""
    return clip.flip(1, -2)


def turned_flow(
    forth: Float[Tensor, "b p 2 h w"], back: Float[Tensor, "b p 2 h w"]
) -> tuple[Float[Tensor, "b p 2 h w"], Float[Tensor, "b p 2 h w"]]:
    """Forth and back of the turned clip."""
    sign = forth.new_tensor([1, -1])[:, None, None]
    return sign * back.flip(1, -2), sign * forth.flip(1, -2)


def velocity_at(
    share: float, forth: Float[Tensor, "b 2 h w"], back: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b 2 h w"]:
    """Motion per input frame at the instant ``share`` (0 ... 1) between two input frames, seen from that instant.

    forth: flow from the first to the second, back: from the second to the first. With F(t->0) = t^2 back - t(1-t) forth
    and F(t->1) = (1-t)^2 forth - t(1-t) back (MBnet Eq. 2-3 with the coefficients in their right places), both are
    one vector field times the time to go: F(t->t+dt) = dt ((1-t) forth - t back).
    """
    return (1 - share) * forth - share * back


def flow_between(
    here: Fraction, there: Fraction, forth: Float[Tensor, "b p 2 h w"], back: Float[Tensor, "b p 2 h w"]
) -> Float[Tensor, "b 2 h w"]:
    """Flow from one instant to a neighbouring one; both lie within one pair of input frames, ends included."""
    pair = int(min(here, there))
    return float(there - here) * velocity_at(float(here - pair), forth[:, pair], back[:, pair])


class Between(nn.Module):
    """Features and a small picture at an instant between two input frames."""

    def __init__(self, width: int, *, num_blocks: int) -> None:
        super().__init__()
        self.merge = Trunk(2 * width + 6 + 2 + 1, width, num_blocks=num_blocks)
        self.refine = nn.Conv2d(width, 5, 3, padding=1)
        start_small(self.refine)

    def forward(
        self,
        share: float,
        velocity: Float[Tensor, "b 2 h w"],
        feat_before: Float[Tensor, "b d h w"],
        feat_after: Float[Tensor, "b d h w"],
        before: Float[Tensor, "b c h w"],
        after: Float[Tensor, "b c h w"],
        *,
        refine: bool,
    ) -> tuple[Float[Tensor, "b d h w"], Float[Tensor, "b c h w"]]:
        to_before, to_after = -share * velocity, (1 - share) * velocity
        seen_before = backward_warp(torch.cat([feat_before, before.to(feat_before.dtype)], 1), to_before)
        seen_after = backward_warp(torch.cat([feat_after, after.to(feat_after.dtype)], 1), to_after)
        plane = torch.full_like(seen_before[:, :1], share)
        feat = self.merge(seen_before, seen_after, velocity.to(plane.dtype) / 8, plane)
        correction = self.refine(feat).float()
        visible = torch.sigmoid(correction[:, :1])
        if refine:
            to_before, to_after = to_before + correction[:, 1:3], to_after + correction[:, 3:5]
        # the nearer frame counts for more, unless it does not see the place (Super SloMo's blend)
        weight_before, weight_after = (1 - share) * visible, share * (1 - visible)
        base = weight_before * backward_warp(before, to_before) + weight_after * backward_warp(after, to_after)
        return feat, base / (weight_before + weight_after + 1e-6)


class FlowPyramid(nn.Module):
    """Optical flow between neighbouring frames, both ways, at half the input size, coarse to fine.

    At 1/8, 1/4 and 1/2 of the input size one shared estimator sees its own features, their correlation with the other
    frame's warped features, and the flow so far. The correlation is what keeps the flow alive in training.
    """

    RADIUS = 2

    def __init__(self, width: int, estimate_widths: Sequence[int]) -> None:
        super().__init__()
        self.entry = nn.Conv2d(12, width, 3, padding=1)
        self.fine = nn.Conv2d(width, width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(width, width, 4, stride=2, padding=1) for _ in range(2))
        matches = (2 * self.RADIUS + 1) ** 2
        widths = (width + matches + 2, *estimate_widths)
        layers = [(nn.Conv2d(*sides, 3, padding=1), nn.ReLU()) for sides in pairwise(widths)]
        self.estimate = nn.Sequential(*chain(*layers), nn.Conv2d(widths[-1], 2, 3, padding=1))

    def forward(
        self, clip: Float[Tensor, "b t c h w"]
    ) -> tuple[Float[Tensor, "b p 2 h w"], Float[Tensor, "b p 2 h w"]]:
        batch, count = clip.shape[:2]
        half = F.pixel_unshuffle(rearrange(clip, "b t c h w -> (b t) c h w") - 0.5, 2)
        feat = F.relu(self.fine(F.relu(self.entry(half))))
        pyramid = [feat]
        for down in self.down:
            pyramid.append(F.relu(down(pyramid[-1])))

        flow = feat.new_zeros(2 * batch * (count - 1), 2, *pyramid[-1].shape[-2:], dtype=torch.float32)
        for level in reversed(pyramid):
            level = rearrange(unit_power(level), "(b t) d h w -> b t d h w", t=count)
            first, second = (rearrange(side, "b p d h w -> (b p) d h w") for side in (level[:, :-1], level[:, 1:]))
            here, there = torch.cat([first, second]), torch.cat([second, first])  # both directions in one batch
            if flow.shape[-1] != here.shape[-1]:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)
            matches = local_correlation(here, backward_warp(there, flow), radius=self.RADIUS)
            flow = (
                flow
                + self.estimate(
                    torch.cat([here, matches, flow.to(here.dtype, memory_format=torch.channels_last)], 1)
                ).float()
            )
        flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)
        forth, back = rearrange(flow, "(way b p) xy h w -> way b p xy h w", way=2, b=batch)
        return forth, back


def unit_power(feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
    """Scale each pixel's features to mean square one, so that correlation compares directions, not contrast."""
    return feat * torch.rsqrt(feat.float().square().mean(1, keepdim=True) + 1e-4).to(feat.dtype)
