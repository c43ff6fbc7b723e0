"""MBnet's loss (Sec. 3.5, Eq. 7-11): the frames, flow without a teacher, flow with one.

As in the paper, each norm is a mean over pixels, and the terms of several frames and directions are added up.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.sampler import Batch
from stvsr.errors import TrainingError
from stvsr.networks.base import TrainingOutput
from stvsr.networks.mbnet import enlarge, flows_at
from stvsr.ops.warp import backward_warp
from stvsr.training.losses.terms import weighed


@dataclass(frozen=True, kw_only=True)
class MBLoss:
    """Weights of the terms; the frames of the last iteration have weight 1 (Eq. 7)."""

    earlier: float = 1.0
    """The frames of the iterations before the last. The paper does not say whether they count; 0 leaves them out."""
    flow: float = 0.01
    """Flow without a teacher: lambda_a of Eq. 11 (Sec. 4.1)."""
    flow_large: float = 1.0
    """Within it, the flow at the output size: lambda_1 of Eq. 8 (Sec. 4.1)."""
    flow_small: float = 0.5
    """Within it, the flow at the input size and the coarser ones: lambda_2 of Eq. 8 (Sec. 4.1)."""
    smooth: float = 0.1
    """Of the differences between neighbouring flow vectors, within both (the terms below Eq. 8)."""
    supervised: float = 0.01
    """Flow with a teacher: lambda_b of Eq. 11 (Sec. 4.1). The paper's teacher is RAFT on the true frames; ours, RAFT
    or the classical flow (``Recipe.teacher``), looks at the true frames of the input's instants, and is brought to the
    instant between as the network's own is. It makes frames look better (NIQE) and costs 0.08 dB (Table 4); the paper's
    Table 3 is without it. 0 needs no such flow."""

    def __call__(
        self,
        output: TrainingOutput,
        batch: Batch,
        done: Float[Tensor, ""],  # noqa: ARG002 (the same weights throughout)
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        extras = output.extras
        none = output.frames.new_zeros(())
        terms = {"frames": by_frame(output.frames, batch.frames, batch.weight)}
        terms |= {"earlier": none, "flow_large": none, "teacher": none}
        for frames in extras["earlier_frames"].unbind(1) if "earlier_frames" in extras else ():
            terms["earlier"] = terms["earlier"] + by_frame(frames, batch.frames, batch.weight)

        sizes = [torch.stack([extras["flow_forth"][:, 0], extras["flow_back"][:, 0]], 1)]
        sizes += [flow for name, flow in extras.items() if name.startswith("flow_coarse_")]
        keys = batch.small_frames[:, :: batch.cadence.factor]  # undamaged
        terms["flow_small"] = torch.stack([self.between_keys(keys, flow) for flow in sizes]).sum()

        instants = [index for index, time in enumerate(batch.cadence.times) if 0 < time < 1]
        if instants:
            ours = output.frames[:, instants]
            unlike = sum(by_frame(side, ours) for side in extras["warped"].unbind(2))
            terms["flow_large"] = unlike + self.smooth * roughness(extras["flow_refined"])
            if self.supervised:
                shares = [float(batch.cadence.times[index]) for index in instants]
                terms["teacher"] = by_frame(extras["flow_refined"].flatten(1, 2), taught(batch, shares).flatten(1, 2))

        loss = (
            terms["frames"]
            + self.earlier * terms["earlier"]
            + self.flow * (self.flow_large * terms["flow_large"] + self.flow_small * terms["flow_small"])
            + self.supervised * terms["teacher"]
        )
        terms["flow_length"] = extras["flow_forth"].square().sum(2).sqrt().mean()
        return loss, {name: value.detach() for name, value in terms.items()}

    def between_keys(self, clip: Float[Tensor, "b t c h w"], flow: Float[Tensor, "b way 2 h2 w2"]) -> Float[Tensor, ""]:
        """L^LR at one size: each input frame against the other one warped onto it, and the smoothness of the flow."""
        first, second = (F.interpolate(frame, size=flow.shape[-2:], mode="area") for frame in clip.unbind(1))
        here, there = torch.stack([first, second], 1), torch.stack([second, first], 1)
        seen = backward_warp(there.flatten(0, 1), flow.flatten(0, 1))
        return by_frame(rearrange(seen, "(b way) c h w -> b way c h w", way=2), here) + self.smooth * roughness(flow)


def by_frame(
    ours: Float[Tensor, "b n d h w"],
    true: Float[Tensor, "b n d h w"],
    weight: Float[Tensor, "b 1 1 h w"] | None = None,
) -> Float[Tensor, ""]:
    """L1 difference, averaged over each frame and added up over the frames."""
    return weighed((ours.float() - true).abs(), weight) * ours.shape[1]


def roughness(flow: Float[Tensor, "b *n 2 h w"]) -> Float[Tensor, ""]:
    """Mean absolute difference of neighbouring vectors, right and below, added up over the flows."""
    flow = flow.flatten(1, -4)
    below, right = flow.diff(dim=-2).abs(), flow.diff(dim=-1).abs()
    return below.mean((0, 2, 3, 4)).sum() + right.mean((0, 2, 3, 4)).sum()


def taught(batch: Batch, shares: list[float]) -> Float[Tensor, "b m way 2 H W"]:
    """What the classical flow says of each instant between: to the frame before and after, in output pixels."""
    if batch.flow_forth is None or batch.flow_back is None:
        raise TrainingError(
            "MBLoss learns flow from the batch's, but the batch has none. Ask for it, or set supervised=0."
        )
    forth, back = batch.flow_forth[:, 0], batch.flow_back[:, 0]
    scale = batch.frames.shape[-1] // batch.clip.shape[-1]
    flows = [torch.stack([scale * enlarge(way, scale) for way in flows_at(share, forth, back)], 1) for share in shares]
    return torch.stack(flows, 1)
