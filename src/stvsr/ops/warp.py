"""Backward warping: the only place in the project that samples an image between its pixels.

A flow ``flow_a2b`` (b 2 h w, pixels, x before y) says for each pixel of a where to look in b; so
``backward_warp(b, flow_a2b)`` looks like a. Beyond the border the edge pixel repeats.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def backward_warp(image: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b d h w"]:
    """Fetch each output pixel from ``image`` at its own place plus ``flow``, bilinearly.

    Positions are computed in fp32 (fp64 where the flow has it) whatever the precision around; the result has the
    precision of ``image``.
    """
    if only_looks(image):
        return gather_warp(image, flow)
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


def gather_warp(image: Float[Tensor, "b d h w"], flow: Float[Tensor, "b 2 h w"]) -> Float[Tensor, "b d h w"]:
    """The same by rows of a table: with channels last, a pixel is one row, and the weighted sum of four rows is what
    ``embedding_bag`` is fast at. On two CPU cores five times faster than ``grid_sample`` at 32 x 144 x 180."""
    batch, height, width = flow.shape[0], *flow.shape[-2:]
    x, y = positions(flow)
    left, top = x.floor().clamp(max=max(width - 2, 0)), y.floor().clamp(max=max(height - 2, 0))
    right_share, bottom_share = x - left, y - top
    first = torch.arange(batch, device=flow.device, dtype=torch.int32)[:, None, None] * (height * width)
    corner = first + (top * width + left).int()
    step_x, step_y = int(width > 1), width * int(height > 1)
    rows = torch.stack([corner, corner + step_x, corner + step_y, corner + step_x + step_y], dim=-1)
    left_share, top_share = 1 - right_share, 1 - bottom_share
    shares = torch.stack(
        [left_share * top_share, right_share * top_share, left_share * bottom_share, right_share * bottom_share], -1
    )
    table = rearrange(image, "b d h w -> (b h w) d").contiguous()
    warped = F.embedding_bag(
        rearrange(rows, "b h w k -> (b h w) k"),
        table,
        mode="sum",
        per_sample_weights=rearrange(shares, "b h w k -> (b h w) k").to(table.dtype),
    )
    return rearrange(warped, "(b h w) d -> b d h w", b=batch, h=height, w=width)


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
