"""MBnet: super-resolution and frame interpolation that feed each other.

Zhou et al., How Video Super-Resolution and Frame Interpolation Mutually Benefit, ACM MM 2021. Read beside Fig. 2.
Written from the paper; what it leaves open and what was mended is in docs/networks/mbnet.md.

    two input frames ── NET_flow ── flow forth and back, at the input size
    NET_SR   the frames, the last enlarged ones, and what each looks like from elsewhere ── two enlarged frames, context
    NET_re   flow at an instant between, refined beside the enlarged frames ── flow at the output size
    NET_FI   enlarged frames warped to that instant, and the context ── the frame between
    the frame between, warped back, is what NET_SR sees from elsewhere in the next iteration (same weights)

The parts are plugs: names in ``MBnetConfig`` choose built-in ones, and a module of your own that does what
``FlowPart``, ``VSRPart`` or ``VFIPart`` says takes their place: ``MBnet(MBnetConfig(), vsr=mine)``.

m instants between the input frames, see ``stvsr.clip`` for the other letters.
Flows a2b say for each pixel of a where it lies in b (the paper's arrows point the other way).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.blocks.flow_nets import OFRnet, PWCNet
from stvsr.blocks.grid import GridNet, UNet
from stvsr.blocks.guided import GuidedRefinement
from stvsr.blocks.rbpn import RBPN
from stvsr.blocks.rdn import RDN
from stvsr.blocks.residual import Trunk
from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.networks.base import Network, Spec, TrainingOutput
from stvsr.ops.warp import backward_warp

HALF = Fraction(1, 2)


@dataclass(frozen=True, kw_only=True)
class MBnetConfig:
    """The defaults are ``mbnet``; sizes that the paper does not give are explained in docs/networks/mbnet.md."""

    scale: int = 4
    iterations: int = 2
    feature: str = "vsr"
    """What NET_FI sees beside the warped frames: "vsr" (context of NET_SR), "resnet" (a net of its own), "none"."""
    feedback: str = "vfi"
    """What NET_SR sees from elsewhere: "vfi" (the frame between), "vsr" (the other enlarged frame)."""
    flow: str = "ofr"
    vsr: str = "rdn"
    vfi: str = "grid"
    num_blocks: int = 8
    """Dense blocks of RDN: the paper's D."""
    num_layers: int = 8
    """Convolutions in each: the paper's C."""
    width: int = 96
    growth: int = 96
    grid_widths: Sequence[int] = (32, 64, 128)
    """Of GridNet's (or U-Net's) three rows, from the output size down."""
    refine_width: int = 64
    guide_width: int = 16
    """Guide features of each step of up-sampling."""
    flow_width: int = 320
    flow_blocks: int = 14

    def __post_init__(self) -> None:
        choices = {"feature": ("vsr", "resnet", "none"), "feedback": ("vfi", "vsr")}
        choices |= {"flow": tuple(FLOW_PARTS), "vsr": tuple(VSR_PARTS), "vfi": tuple(VFI_PARTS)}
        for field, names in choices.items():
            if (name := getattr(self, field)) not in names:
                raise SettingsError(f"MBnet has no {field} {name!r}. Choose one of: {', '.join(names)}.")
        if self.scale not in (2, 4, 8):
            raise SettingsError(f"MBnet enlarges by 2, 4 or 8, not by {self.scale}. Choose one of these scales.")
        if self.iterations < 1:
            raise SettingsError(f"MBnet needs at least one iteration, but {self.iterations} were asked for.")
        if len(self.grid_widths) != 3:
            raise SettingsError(f"MBnet's grid has three rows, but {len(self.grid_widths)} widths were given.")
        if self.flow_width % 2:
            raise SettingsError(f"MBnet's flow_width is split into halves: {self.flow_width} must be even.")


def mbnet(*, scale: int = 4, **changes: Any) -> "MBnet":
    """The paper's baseline, D = 8 and C = 8. ``changes`` are fields of MBnetConfig."""
    return MBnet(MBnetConfig(scale=scale, **changes))


def mbnet_d16(*, scale: int = 4, **changes: Any) -> "MBnet":
    """D = 16 and C = 8 at the widths of the original RDN: the best row of the paper's Table 2, as many parameters."""
    widths = {"num_blocks": 16, "width": 64, "growth": 64, "grid_widths": (32, 96, 192), "refine_width": 32}
    return MBnet(MBnetConfig(scale=scale, **(widths | changes)))


SMALL: dict[str, Any] = {
    "num_blocks": 3,
    "num_layers": 4,
    "width": 32,
    "growth": 16,
    "grid_widths": (8, 16, 24),
    "refine_width": 16,
    "guide_width": 8,
    "flow_width": 32,
    "flow_blocks": 3,
}


def mbnet_32(*, scale: int = 4, **changes: Any) -> "MBnet":
    """Ours: D = 3 and C = 4, narrower, for training on a processor."""
    return MBnet(MBnetConfig(scale=scale, **(SMALL | changes)))


@runtime_checkable
class FlowPart(Protocol):
    """NET_flow. A module that finds where each pixel of one frame lies in another."""

    def __call__(self, here: Float[Tensor, "b c h w"], there: Float[Tensor, "b c h w"]) -> list[Tensor]:
        """Flows (b 2 _ _) from ``here`` to ``there``, pixels, x before y: coarse to fine, the last at full size."""
        ...


@runtime_checkable
class VSRPart(Protocol):
    """NET_SR. A module that enlarges two frames at once.

    All inputs have the size of the input frames; what is larger comes with its pixels moved into channels
    (``pixel_unshuffle``; ``pixel_shuffle`` brings them back). The first three channels of each belong to the first
    frame. Weights are shared by the iterations.
    """

    feature_width: int
    """Channels of the context; a multiple of scale^2, because NET_FI moves them into space."""

    def __call__(
        self,
        keys: Float[Tensor, "b 6 h w"],
        previous: Float[Tensor, "b _ h w"],
        keys_warped: Float[Tensor, "b 6 h w"],
        feedback: Float[Tensor, "b _ h w"],
    ) -> tuple[Float[Tensor, "b 6 H W"], Float[Tensor, "b d h w"]]:
        """The two enlarged frames, and context for the interpolation.

        previous: the frames as the last iteration enlarged them (the first time bilinearly). keys_warped: the other
        input frame, warped onto each. feedback: the frame between, warped onto each (the first time ``keys_warped``).
        """
        ...


@runtime_checkable
class VFIPart(Protocol):
    """NET_FI. A module that makes one frame of two that were warped to its instant."""

    def __call__(
        self,
        before: Float[Tensor, "b c H W"],
        after: Float[Tensor, "b c H W"],
        feature: Float[Tensor, "b d h w"] | None,
        share: float,
    ) -> Float[Tensor, "b c H W"]:
        """The frame at ``share`` (0 ... 1) between the two. feature: context at the input size, if there is any."""
        ...


FLOW_PARTS: dict[str, Callable[[MBnetConfig], FlowPart]] = {
    "ofr": lambda config: OFRnet(config.flow_width, num_blocks=config.flow_blocks),
    "pwc": lambda _: PWCNet(),
}
VSR_PARTS: dict[str, Callable[[MBnetConfig], VSRPart]] = {
    "rdn": lambda config: RDN(
        scale=config.scale,
        width=config.width,
        growth=config.growth,
        num_blocks=config.num_blocks,
        num_layers=config.num_layers,
    ),
    "rbpn": lambda config: RBPN(scale=config.scale),
}
VFI_PARTS: dict[str, Callable[[MBnetConfig, int], VFIPart]] = {
    "grid": lambda config, feature_width: GridNet(
        scale=config.scale, feature_width=feature_width, widths=config.grid_widths
    ),
    "unet": lambda config, feature_width: UNet(
        scale=config.scale, feature_width=feature_width, widths=config.grid_widths
    ),
}


class MBnet(Network):
    """Two input frames, x2, x4 or x8 in space, any instant between them."""

    def __init__(
        self,
        config: MBnetConfig,
        *,
        flow: FlowPart | None = None,
        vsr: VSRPart | None = None,
        vfi: VFIPart | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        self.spec = Spec(scale=config.scale, step=None, min_frames=2, max_frames=2, multiple_of=4, int8=True)
        self.flow: FlowPart = flow or FLOW_PARTS[config.flow](config)
        self.vsr: VSRPart = vsr or VSR_PARTS[config.vsr](config)
        feature_width = 0 if config.feature == "none" else self.vsr.feature_width
        if feature_width % config.scale**2:
            raise SettingsError(
                f"MBnet at x{config.scale} moves the {feature_width} channels of its context into space, which takes a "
                f"multiple of {config.scale**2}. Choose another width, or feature='none'."
            )
        if config.feature == "resnet":
            self.resnet = Trunk(6, feature_width, num_blocks=2)
        self.refine = GuidedRefinement(scale=config.scale, width=config.refine_width, guide_width=config.guide_width)
        self.vfi: VFIPart = vfi or VFI_PARTS[config.vfi](config, feature_width)

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        instants = [Fraction(time) for time in times]
        forth, back = self.motion(clip)[-1].unbind(1)
        # before the last iteration only what is fed back has to be made
        *_, last = self.iterate(clip, forth, back, [[]] * (self.config.iterations - 1) + [instants])
        return last.frames(instants)

    def training_forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> TrainingOutput:
        """Extras: ``flow_forth`` and ``flow_back`` (b p 2 h w, p = 1), from each input frame to the other;
        ``flow_coarse_0`` ... (b way 2 _ _), both at the coarser sizes; ``earlier_frames`` (b i s c H W), what each
        iteration but the last made of the frames; and of the instants between, ``flow_refined`` (b m way 2 H W), from
        there to the frame before and after, in output pixels, with ``warped`` (b m way c H W), those frames seen
        through it."""
        instants = [Fraction(time) for time in times]
        *coarse, fine = self.motion(clip)
        forth, back = fine.unbind(1)
        *earlier, last = self.iterate(clip, forth, back, [instants] * self.config.iterations)
        extras = {"flow_forth": forth[:, None], "flow_back": back[:, None]}
        extras |= {f"flow_coarse_{level}": flow for level, flow in enumerate(coarse)}
        if earlier:
            extras["earlier_frames"] = torch.stack([step.frames(instants) for step in earlier], 1)
        between = [last.between[instant] for instant in instants if instant in last.between]
        if between:
            extras["flow_refined"] = torch.stack([instant.flow for instant in between], 1)
            extras["warped"] = torch.stack([instant.warped for instant in between], 1)
        return TrainingOutput(frames=last.frames(instants), extras=extras)

    def motion(self, clip: Float[Tensor, "b t c h w"]) -> list[Float[Tensor, "b way 2 _ _"]]:
        """Flow forth and back at all sizes, coarse to fine; both ways in one batch."""
        first, second = clip.unbind(1)
        flows = self.flow(torch.cat([first, second]), torch.cat([second, first]))
        return [rearrange(flow, "(way b) xy h w -> b way xy h w", way=2) for flow in flows]

    def iterate(
        self,
        clip: Float[Tensor, "b t c h w"],
        forth: Float[Tensor, "b 2 h w"],
        back: Float[Tensor, "b 2 h w"],
        asked: Sequence[list[Fraction]],
    ) -> "Iterator[Iteration]":
        """Super-resolution and interpolation in turn; ``asked`` are the instants to make in each iteration."""
        scale, config = self.config.scale, self.config
        first, second = clip.unbind(1)
        keys_small = torch.cat([first, second], 1)
        keys_warped = torch.cat([backward_warp(second, forth), backward_warp(first, back)], 1)
        previous, feedback = enlarge(keys_small, scale), enlarge(keys_warped, scale)
        for index, instants in enumerate(asked):
            keys, feature = self.vsr(
                keys_small, F.pixel_unshuffle(previous, scale), keys_warped, F.pixel_unshuffle(feedback, scale)
            )
            if config.feature != "vsr":
                feature = self.resnet(keys_small) if config.feature == "resnet" else None
            goes_on = index + 1 < len(asked)
            inner = {instant for instant in instants if 0 < instant < 1}
            if goes_on and config.feedback == "vfi":
                inner.add(HALF)
            guides = self.refine.guides(keys) if inner else []
            between = {
                instant: self.interpolate(float(instant), keys, feature, forth, back, guides)
                for instant in sorted(inner)
            }
            yield Iteration(keys=keys, between=between)
            if not goes_on:
                return
            previous = keys
            if config.feedback == "vfi":
                middle = between[HALF]
                # the flow from a key to the middle, taken as the middle's own, reversed (the paper, Sec. 3.3)
                feedback = torch.cat([backward_warp(middle.frame, -flow) for flow in middle.flow.unbind(1)], 1)
            else:
                before, after = keys.chunk(2, 1)
                forth_large, back_large = (scale * enlarge(flow, scale) for flow in (forth, back))
                feedback = torch.cat([backward_warp(after, forth_large), backward_warp(before, back_large)], 1)

    def interpolate(
        self,
        share: float,
        keys: Float[Tensor, "b 6 H W"],
        feature: Float[Tensor, "b d h w"] | None,
        forth: Float[Tensor, "b 2 h w"],
        back: Float[Tensor, "b 2 h w"],
        guides: list[Tensor],
    ) -> "Between":
        """The frame at ``share`` of the way from the first enlarged frame to the second."""
        flow = self.refine(torch.cat(flows_at(share, forth, back), 1), guides)
        before, after = (backward_warp(key, way) for key, way in zip(keys.chunk(2, 1), flow.chunk(2, 1), strict=True))
        frame = self.vfi(before, after, feature, share)
        return Between(frame=frame, flow=torch.stack(flow.chunk(2, 1), 1), warped=torch.stack([before, after], 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """What is known of one instant between the input frames."""

    frame: Float[Tensor, "b c H W"]
    flow: Float[Tensor, "b way 2 H W"]
    """To the frame before and to the frame after, output pixels."""
    warped: Float[Tensor, "b way c H W"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """What one iteration made."""

    keys: Float[Tensor, "b 6 H W"]
    between: dict[Fraction, Between]

    def frames(self, instants: list[Fraction]) -> Float[Tensor, "b s c H W"]:
        ends = dict(enumerate(self.keys.chunk(2, 1)))
        return torch.stack([ends[int(at)] if at in (0, 1) else self.between[at].frame for at in instants], 1)


def flows_at(
    share: float, forth: Float[Tensor, "b 2 h w"], back: Float[Tensor, "b 2 h w"]
) -> tuple[Float[Tensor, "b 2 h w"], Float[Tensor, "b 2 h w"]]:
    """Flow from the instant ``share`` (0 ... 1) to the frame before and to the frame after.

    t^2 back - t(1-t) forth and (1-t)^2 forth - t(1-t) back (Super SloMo, Jiang et al., CVPR 2018). The paper's Eq. 2-3
    have t^2 and (1-t)^2 the other way round, which agrees at t = 1/2 alone.
    """
    velocity = (1 - share) * forth - share * back
    return -share * velocity, (1 - share) * velocity


def enlarge(images: Float[Tensor, "b d h w"], scale: int) -> Float[Tensor, "b d H W"]:
    """Bilinearly, as the paper does for the first iteration and for flows (whose lengths the caller scales)."""
    return F.interpolate(images, scale_factor=scale, mode="bilinear", align_corners=False)
