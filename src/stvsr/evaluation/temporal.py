"""How a clip moves and flickers beside the original. All motion is that of the original, but for ``tof``.

A clip of t frames has p = t - 1 pairs of neighbours, and one number for each; ``moving`` alone tells of frames.
Clips are RGB in [0, 1]. A long one can be measured in pieces that share a frame: memory grows with the length.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.errors import InputError
from stvsr.evaluation.metrics import luma
from stvsr.ops.flow import farneback
from stvsr.ops.warp import backward_warp

FlowEstimator = Callable[[Float[Tensor, "b 3 h w"], Float[Tensor, "b 3 h w"]], Float[Tensor, "b 2 h w"]]
"""For each pixel of the first picture where it lies in the second: pixels, x before y."""


def tecogan_flow(first: Float[Tensor, "b 3 h w"], second: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 2 h w"]:
    """Farnebäck's flow with the numbers of TecoGAN's measuring program."""
    return farneback(first, second, levels=3, window=15, iterations=3, reach=5, sigma=1.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """How the original moves from each frame to the next."""

    flow: Float[Tensor, "p 2 h w"]
    """For each pixel of a frame where it lies in the next one: pixels, x before y."""
    visible: Bool[Tensor, "p h w"]
    """The pixels of a frame that the next one shows as well, as far as the flow can tell."""


@torch.no_grad()
def true_motion(truth: Float[Tensor, "t 3 h w"], flow: FlowEstimator = tecogan_flow) -> Motion:
    """Estimate the motion of an original clip once, for all that is to be measured with it.

    Raises InputError for fewer than two frames.
    """
    if len(truth) < 2:
        raise InputError("A clip of one frame has no motion to measure. Take clips of at least two frames.")
    forth = flow_to_next(truth, flow)
    back = flow_to_next(truth.flip(0), flow).flip(0)
    return Motion(flow=forth, visible=visible(forth, back))


def flow_to_next(clip: Float[Tensor, "t 3 h w"], flow: FlowEstimator) -> Float[Tensor, "t-1 2 h w"]:
    """Pair by pair: a flow needs many times the memory of its frames."""
    return torch.cat([flow(clip[i : i + 1], clip[i + 1 : i + 2]) for i in range(len(clip) - 1)])


def visible(forth: Float[Tensor, "p 2 h w"], back: Float[Tensor, "p 2 h w"]) -> Bool[Tensor, "p h w"]:
    """Whether a pixel can be followed: there and back leads home, it stays in the picture, it is not at an edge of the
    motion (Ruder et al. 2016, as Lai et al. 2018 use it; that it must stay in the picture is ours)."""
    returned = backward_warp(back, forth)
    speed = forth.square().sum(1)
    lost = (forth + returned).square().sum(1) > 0.01 * (speed + returned.square().sum(1)) + 0.5
    down = F.pad(forth.diff(dim=-2), (0, 0, 0, 1)).square().sum(1)
    right = F.pad(forth.diff(dim=-1), (0, 1)).square().sum(1)
    at_edge = down + right > 0.01 * speed + 0.002
    return ~lost & ~at_edge & inside(forth)


def inside(flow: Float[Tensor, "p 2 h w"]) -> Bool[Tensor, "p h w"]:
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, 0]
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


@torch.no_grad()
def tof(clip: Float[Tensor, "t 3 h w"], motion: Motion, flow: FlowEstimator = tecogan_flow) -> Float[Tensor, " p"]:
    """tOF: how far the motion in the clip is from the motion in the original, pixels (Chu et al. 2020, TecoGAN).

    Mean length of the difference of the two flows of each pair; the border that TecoGAN's program cuts off is cut off.
    """
    off = (flow_to_next(clip, flow) - motion.flow).square().sum(1).sqrt()
    rows, columns = (tecogan_crop(size) for size in off.shape[-2:])
    return off[:, rows, columns].mean((-2, -1))


def tecogan_crop(size: int) -> slice:
    """The middle: the largest multiple of 32 that leaves 16 pixels or more; all of it where there is none."""
    kept = (size - 16) // 32 * 32
    if kept <= 0:
        return slice(0, size)
    return slice((size - kept) // 2, (size - kept) // 2 + kept)


@torch.no_grad()
def warping_error(clip: Float[Tensor, "t 3 h w"], motion: Motion) -> Float[Tensor, " p"]:
    """E_warp: mean squared difference of each frame and its successor brought back along the true motion, over visible
    pixels and colours of [0, 1] (Lai et al. 2018). Not a number where nothing is visible."""
    returned = backward_warp(clip[1:], motion.flow)
    return mean_where(motion.visible, (returned - clip[:-1]).square().mean(1))


@torch.no_grad()
def flicker(clip: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"], motion: Motion) -> Float[Tensor, " p"]:
    """How much the error changes from frame to frame along the true motion: levels of Y (0 ... 255).

    The error is Y of the clip less Y of the original. One that stays, or travels with what it lies on, such as even
    blur, does not flicker; one that comes and goes, such as every second frame softer, does. Mean over visible pixels;
    not a number where there are none.
    """
    error = (luma(clip) - luma(truth)).unsqueeze(1)
    change = (backward_warp(error[1:], motion.flow) - error[:-1]).abs().squeeze(1)
    return mean_where(motion.visible, change)


def mean_where(mask: Bool[Tensor, "p h w"], values: Float[Tensor, "p h w"]) -> Float[Tensor, " p"]:
    return torch.where(mask, values, 0).sum((-2, -1)) / mask.sum((-2, -1))


def moving(motion: Motion, *, threshold: float = 1.0) -> Bool[Tensor, "t h w"]:
    """The pixels of each frame that move by more than ``threshold`` pixels to the next one; for ``psnr_where``.

    The last frame has no next one: it takes the places that moved in the frame before it.
    """
    fast = motion.flow.square().sum(1) > threshold**2
    return torch.cat([fast, fast[-1:]])
