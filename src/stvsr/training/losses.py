"""Losses as pure functions."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from stvsr.data.sampler import Batch
from stvsr.networks.base import TrainingOutput
from stvsr.ops.warp import backward_warp
from stvsr.training.recipes import LossWeights


def charbonnier(ours: Float[Tensor, "*n"], true: Float[Tensor, "*n"], *, epsilon: float = 1e-3) -> Float[Tensor, ""]:
    """Mean of sqrt(difference^2 + epsilon^2): L1 with a smooth foot (Lai et al. 2017)."""
    return (ours.float() - true).square().add(epsilon**2).sqrt().mean()


def end_point_error(ours: Float[Tensor, "*n 2 h w"], true: Float[Tensor, "*n 2 h w"]) -> Float[Tensor, ""]:
    """Mean length of the difference of two flows, pixels."""
    return (ours - true).square().sum(-3).add(1e-6).sqrt().mean()


def unison_loss(
    output: TrainingOutput, batch: Batch, weights: LossWeights, flow_weight: Float[Tensor, ""]
) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
    """Unison's loss and its terms by name, for the log. ``flow_weight`` changes over the run."""
    forth, back = output.extras["flow_forth"], output.extras["flow_back"]
    terms = {
        "frames": charbonnier(output.frames, batch.frames, epsilon=weights.epsilon),
        "base": charbonnier(output.extras["base"], batch.small_frames),
        "end_point_error": (end_point_error(forth, batch.flow_forth) + end_point_error(back, batch.flow_back)) / 2,
        "photometric": photometric(batch.clip, forth, back),
        "flow_length": forth.detach().square().sum(2).sqrt().mean(),
    }
    loss = (
        terms["frames"]
        + weights.base * terms["base"]
        + flow_weight * terms["end_point_error"]
        + weights.photometric * terms["photometric"]
    )
    return loss, {name: value.detach() for name, value in terms.items()}


def photometric(
    clip: Float[Tensor, "b t c h w"], forth: Float[Tensor, "b p 2 h w"], back: Float[Tensor, "b p 2 h w"]
) -> Float[Tensor, ""]:
    """How unlike each input frame is to its neighbours warped onto it."""
    first, second = (rearrange(side, "b p c h w -> (b p) c h w") for side in (clip[:, :-1], clip[:, 1:]))
    here, there = torch.cat([first, second]), torch.cat([second, first])
    flow = rearrange(torch.cat([forth, back]), "b p xy h w -> (b p) xy h w")
    return charbonnier(backward_warp(there, flow), here)
