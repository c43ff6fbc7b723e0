"""Bicubic resizing as MATLAB's ``imresize`` does it: the field's definition of a low-resolution frame.

Kernel: Keys' cubic convolution with a = -0.5; widened when shrinking (antialiasing); mirrored at the borders.
Resizing is linear, so each axis is a few matrix products: batched, differentiable, the same on every device.
"""

from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from functools import lru_cache
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def resize(images: Float[Tensor, "*n h w"], scale: Fraction | float) -> Float[Tensor, "*n H W"]:
    """Enlarge (scale > 1) or shrink (scale < 1) height and width; the new sizes are rounded up, as in MATLAB."""
    height, width = images.shape[-2:]
    rows = resize_bands(height, ceil(height * scale), float(scale))
    columns = resize_bands(width, ceil(width * scale), float(scale))
    return apply_bands(images, rows, columns)


def resize_to(images: Float[Tensor, "*n h w"], height: int, width: int) -> Float[Tensor, "*n H W"]:
    """Resize to an exact height and width; each axis has its own scale."""
    rows = resize_bands(images.shape[-2], height, height / images.shape[-2])
    columns = resize_bands(images.shape[-1], width, width / images.shape[-1])
    return apply_bands(images, rows, columns)


def enlarge_phases(images: Float[Tensor, "n c h w"], scale: int) -> Float[Tensor, "n c*{scale}**2 h w"]:
    """``resize`` by a whole factor, before its pixel shuffle: ``pixel_shuffle(result, scale)`` is the enlarged image.

    Each output pixel of a whole-factor enlargement depends on a fixed 5x5 neighbourhood, so it is one small
    convolution; a network adds its residual here and shuffles once. The border repeats the edge pixel and mirrors
    the second, as ``resize`` does.
    """
    mirrored = torch.cat(
        [images[..., 1:2, :], images[..., :1, :], images, images[..., -1:, :], images[..., -2:-1, :]], -2
    )
    mirrored = torch.cat(
        [mirrored[..., 1:2], mirrored[..., :1], mirrored, mirrored[..., -1:], mirrored[..., -2:-1]], -1
    )
    with full_precision(images):
        return F.conv2d(mirrored, phase_kernel(images.shape[1], scale, images.device).to(images.dtype))


def full_precision(images: Tensor) -> AbstractContextManager:
    """Resizing keeps the precision of its images: in bf16 a picture would be off by more than one level of 8 bits."""
    return nullcontext() if images.is_meta else torch.autocast(images.device.type, enabled=False)


Bands = list[tuple[int, Float[Tensor, "_ _"]]]


def apply_bands(images: Float[Tensor, "*n h w"], rows: Bands, columns: Bands) -> Float[Tensor, "*n H W"]:
    """Resize both axes: some new rows at a time out of the few old ones that they see, then columns likewise."""
    with full_precision(images):
        parts = [weights.to(images) @ images[..., first : first + weights.shape[1], :] for first, weights in rows]
        tall = torch.cat(parts, dim=-2)
        parts = [tall[..., first : first + weights.shape[1]] @ weights.to(tall).mT for first, weights in columns]
        return torch.cat(parts, dim=-1)


# Constants are kept as plain tensors: one made in inference mode could not be trained with afterwards.


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def resize_bands(size: int, new_size: int, scale: float) -> Bands:
    """``resize_matrix`` cut into bands of 64 rows without the zeros on either side: first column, and the rest."""
    bands = []
    for weights in resize_matrix(size, new_size, scale).split(64):
        used = weights.any(0).nonzero()
        first, last = int(used[0]), int(used[-1])
        bands.append((first, weights[:, first : last + 1].contiguous()))
    return bands


@lru_cache(maxsize=64)
@torch.inference_mode(False)
def resize_matrix(size: int, new_size: int, scale: float) -> Float[Tensor, "new_size size"]:
    """The weights that make ``new_size`` samples out of ``size`` samples."""
    stretch = min(scale, 1.0)  # below 1 the kernel is widened, which removes what the new grid cannot hold
    reach = 2.0 / stretch
    centre = (torch.arange(new_size, dtype=torch.float64) + 0.5) / scale - 0.5
    taps = ceil(2 * reach) + 2
    position = torch.floor(centre - reach)[:, None] + torch.arange(taps, dtype=torch.float64)
    weight = cubic((centre[:, None] - position) * stretch)
    weight = weight / weight.sum(1, keepdim=True)
    folded = torch.remainder(position.long(), 2 * size)
    folded = torch.minimum(folded, 2 * size - 1 - folded)  # mirror, edge sample repeated
    matrix = torch.zeros(new_size, size, dtype=torch.float64)
    return matrix.scatter_add_(1, folded, weight).float()


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def phase_weights(scale: int) -> Float[Tensor, "{scale} 5"]:
    """The middle pixel's block of ``resize_matrix``: what five neighbours weigh in each of a pixel's new samples."""
    return resize_matrix(9, 9 * scale, float(scale))[4 * scale : 5 * scale, 2:7].contiguous()


@lru_cache(maxsize=8)
@torch.inference_mode(False)
def phase_kernel(
    channels: int, scale: int, device: torch.device
) -> Float[Tensor, "{channels}*{scale}**2 {channels} 5 5"]:
    """``phase_weights`` of both axes: what each of the scale x scale output phases weighs.

    Zeros between the channels: one dense convolution of three colours is five times faster than a grouped one.
    """
    rows = phase_weights(scale)
    phases = torch.einsum("yi,xj->yxij", rows, rows).reshape(scale**2, 5, 5)
    kernel = torch.einsum("cd,pij->cpdij", torch.eye(channels), phases).reshape(channels * scale**2, channels, 5, 5)
    return kernel.to(device, memory_format=torch.channels_last)


def cubic(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """Keys' cubic convolution kernel, a = -0.5 (Keys 1981, Eq. 15)."""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
