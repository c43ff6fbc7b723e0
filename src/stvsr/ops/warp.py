"""Backward warping: the only place in the project that samples an image between its pixels.

A flow ``flow_a2b`` (b 2 h w, pixels, x before y) says for each pixel of a where to look in b; so
``backward_warp(b, flow_a2b)`` looks like a. Beyond the border the edge pixel repeats.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def backward_warp(image: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b d h w"]:
    """Fetch each output pixel from ``image`` at its own place plus ``flow``, bilinearly.

    Positions are computed in fp32 (fp64 where the flow has it) whatever the precision around; the result has the
    precision of ``image``.
    """
    if only_looks(image) and torch.float64 not in (image.dtype, flow.dtype):
        from stvsr.ops import warp_cpu  # brings Numba: half a second to import

        return warp_cpu.backward_warp(image.float(), flow.float()).to(image.dtype)
    return sample_warp(image, flow)


def only_looks(image: Tensor) -> bool:
    """Whether this is plain rendering on the CPU, for which there are faster ways than for training and export."""
    return image.device.type == "cpu" and not torch.is_grad_enabled() and not torch.compiler.is_compiling()


def sample_warp(image: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b d h w"]:
    """With a gradient, and on any device."""
    x, y = positions(flow)
    height, width = flow.shape[-2:]
    # align_corners=True: -1 and 1 are the centres of the first and last pixel
    grid = torch.stack([x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1], dim=-1)
    warped = F.grid_sample(image.to(grid.dtype), grid, mode="bilinear", padding_mode="border", align_corners=True)
    return warped.to(image.dtype)


def warp_phases(
    phases: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"], scale: int, *, gain: float = 1.0
) -> Float[Tensor, "b d h w"]:
    """Backward-warp an enlarged image while it lies folded, as it is before its pixel shuffle.

    phases: of each colour, scale x scale neighbouring large pixels. flow: in small pixels; all the large pixels of a
    small one move as it does. gain: to multiply by on the way.
    """
    if only_looks(phases):
        from stvsr.ops import warp_cpu

        return warp_cpu.warp_phases(phases.float(), flow.float(), scale, gain).to(phases.dtype)
    large = scale * F.interpolate(flow, scale_factor=scale, mode="nearest")
    return gain * F.pixel_unshuffle(backward_warp(F.pixel_shuffle(phases, scale), large), scale)


def positions(flow: Float[Tensor, "b 2 h w"]) -> tuple[Float[Tensor, "b h w"], Float[Tensor, "b h w"]]:
    """Where each pixel looks, in pixels within the picture: x and y. A flow that is not a number looks at 0, because
    an index made of it would read memory that is not ours."""
    height, width = flow.shape[-2:]
    x = torch.arange(width, device=flow.device, dtype=torch.float32)
    y = torch.arange(height, device=flow.device, dtype=torch.float32)[:, None]
    x, y = flow[:, 0] + x, flow[:, 1] + y  # fp32, or what is finer
    return x.nan_to_num(0).clamp(0, width - 1), y.nan_to_num(0).clamp(0, height - 1)
