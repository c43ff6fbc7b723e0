"""PSNR and SSIM as the field prints them: on the Y channel of BT.601, each frame for itself, on the scale 0 ... 255.

Frames are rounded to 8 bits before they are measured (``stvsr.data.degrade.round_to_8_bits``): that is what a file
keeps. n any folded batch · h w size.
"""

import torch
from jaxtyping import Float
from torch import Tensor

PEAK = 255.0


def luma(images: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n h w"]:
    """Y of BT.601 in limited range, 16 ... 235, of RGB in [0, 1]: MATLAB's ``rgb2ycbcr``, not rounded."""
    red, green, blue = images.unbind(-3)
    return 16 + 65.481 * red + 128.553 * green + 24.966 * blue


def psnr(images: Float[Tensor, "*n h w"], originals: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n"]:
    """Peak signal-to-noise ratio in dB of each image on the scale 0 ... 255; infinite where both are the same."""
    error = (images - originals).square().mean((-2, -1))
    return 10 * torch.log10(PEAK**2 / error)


def ssim(images: Float[Tensor, "*n h w"], originals: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n"]:
    """Structural similarity of each image on the scale 0 ... 255 (Wang et al. 2004; its MATLAB file's "valid" region).

    Both images must be at least 11 x 11.
    """
    luminance_floor, contrast_floor = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
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
