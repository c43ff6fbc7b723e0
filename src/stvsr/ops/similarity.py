"""Structural similarity: what a metric reports and a loss descends.

n any folded batch · h w size.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def structural_similarity(
    images: Float[Tensor, "*n h w"], originals: Float[Tensor, "*n h w"], *, peak: float
) -> Float[Tensor, "*n"]:
    """SSIM of each image (Wang et al. 2004; its MATLAB file's "valid" region), differentiable.

    peak: the range of the values, 1 or 255. Both images must be at least 11 x 11.
    """
    luminance_floor, contrast_floor = (0.01 * peak) ** 2, (0.03 * peak) ** 2
    x, y = images.double(), originals.double()  # variances are small differences of large squares
    mean_x, mean_y = smooth(x), smooth(y)
    variances = smooth(x.square() + y.square()) - mean_x.square() - mean_y.square()
    covariance = smooth(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + luminance_floor) / (mean_x.square() + mean_y.square() + luminance_floor)
    structure = (2 * covariance + contrast_floor) / (variances + contrast_floor)
    return (luminance * structure).mean((-2, -1)).to(images.dtype)


def smooth(images: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n h-10 w-10"]:
    """Mean under an 11 x 11 Gaussian, sigma 1.5, where it lies wholly inside.

    Eleven weighted shifts along each axis: on a CPU faster than a convolution with one channel.
    """
    weights = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    for axis in (-2, -1):
        length = images.shape[axis] - 10
        rows = torch.zeros_like(images.narrow(axis, 0, length))
        for shift, weight in enumerate((weights / weights.sum()).tolist()):
            rows.add_(images.narrow(axis, shift, length), alpha=weight)
        images = rows
    return images
