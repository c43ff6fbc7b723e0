"""Terms that several networks' losses are made of, as pure functions."""

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, cat

from stvsr.ops.warp import backward_warp


def charbonnier(
    ours: Float[Tensor, "*n"],
    true: Float[Tensor, "*n"],
    *,
    epsilon: float = 1e-3,
    weight: Float[Tensor, "b 1 1 H W"] | None = None,
) -> Float[Tensor, ""]:
    """Mean of sqrt(difference^2 + epsilon^2): L1 with a smooth foot (Lai et al. 2017)."""
    return weighed((ours.float() - true).square().add(epsilon**2).sqrt(), weight)


def weighed(error: Float[Tensor, "*n"], weight: Float[Tensor, "b 1 1 H W"] | None) -> Float[Tensor, ""]:
    """Mean of an error over frames, each pixel counting as ``Batch.weight`` says; None: all the same."""
    return error.mean() if weight is None else (error * weight).mean()


def end_point_error(ours: Float[Tensor, "*n 2 h w"], true: Float[Tensor, "*n 2 h w"]) -> Float[Tensor, ""]:
    """Mean length of the difference of two flows, pixels."""
    return (ours - true).square().sum(-3).add(1e-6).sqrt().mean()


def photometric(
    clip: Float[Tensor, "b t c h w"], forth: Float[Tensor, "b p 2 h w"], back: Float[Tensor, "b p 2 h w"]
) -> Float[Tensor, ""]:
    """How unlike each input frame is to its neighbours warped onto it."""
    first, second = (rearrange(side, "b p c h w -> (b p) c h w") for side in (clip[:, :-1], clip[:, 1:]))
    here, there = cat([first, second]), cat([second, first])
    flow = rearrange(cat([forth, back]), "b p xy h w -> (b p) xy h w")
    return charbonnier(backward_warp(there, flow), here)
