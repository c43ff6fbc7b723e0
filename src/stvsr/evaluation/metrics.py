"""How far a picture is from the original: PSNR, SSIM and interpolation errors, each frame for itself.

The field prints PSNR and SSIM on the Y channel of BT.601: ``psnr(luma(images), luma(originals))``. Which paper used
what is in ``docs/metrics.md``.

Frames are rounded to 8 bits before they are measured (``stvsr.data.degrade.round_to_8_bits``): that is what a file
keeps. Functions of RGB take [0, 1], functions of one channel 0 ... 255. n any folded batch · h w size.
"""

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.ops.similarity import smooth, structural_similarity

PEAK = 255.0


def luma(images: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n h w"]:
    """Y of BT.601 in limited range, 16 ... 235, of RGB in [0, 1]: MATLAB's ``rgb2ycbcr``, not rounded."""
    red, green, blue = images.unbind(-3)
    return 16 + 65.481 * red + 128.553 * green + 24.966 * blue


def psnr(images: Float[Tensor, "*n h w"], originals: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n"]:
    """Peak signal-to-noise ratio in dB of each image on the scale 0 ... 255; infinite where both are the same. fp64."""
    return decibels((images.double() - originals.double()).square().mean((-2, -1)))


def psnr_rgb(images: Float[Tensor, "*n 3 h w"], originals: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n"]:
    """PSNR in dB of RGB in [0, 1]: the squared error is averaged over the pixels of all three colours. fp64."""
    return decibels(levels_off(images, originals).square().mean((-3, -2, -1)))


def psnr_where(
    mask: Bool[Tensor, "*n h w"], images: Float[Tensor, "*n h w"], originals: Float[Tensor, "*n h w"]
) -> Float[Tensor, "*n"]:
    """PSNR in dB of the masked pixels of each image on the scale 0 ... 255; not a number where there are none. fp64."""
    errors = (images.double() - originals.double()).square()
    return decibels(torch.where(mask, errors, 0).sum((-2, -1)) / mask.sum((-2, -1)))


def decibels(mean_squared_error: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    return 10 * torch.log10(PEAK**2 / mean_squared_error)


def ssim(images: Float[Tensor, "*n h w"], originals: Float[Tensor, "*n h w"]) -> Float[Tensor, "*n"]:
    """Structural similarity of each image on the scale 0 ... 255. Both images must be at least 11 x 11."""
    return structural_similarity(images, originals, peak=PEAK)


def ssim_rgb(images: Float[Tensor, "*n 3 h w"], originals: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n"]:
    """Mean SSIM of the three colours, RGB in [0, 1]. Both images must be at least 11 x 11."""
    return structural_similarity(images, originals, peak=1.0).mean(-1)


def ssim_across_colours(images: Float[Tensor, "*n 3 h w"], originals: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n"]:
    """The SSIM of many frame interpolation programs: the Gaussian window has a third axis, across red, green and blue.

    RGB in [0, 1]. Beyond each end of the three axes the last value repeats, and the mean runs over every pixel and
    colour. Its values lie far above those of ``ssim_rgb``: never compare the two.
    """
    luminance_floor, contrast_floor = 0.01**2, 0.03**2
    x, y = images.double(), originals.double()
    mean_x, mean_y = smooth_volume(x), smooth_volume(y)
    variances = smooth_volume(x.square() + y.square()) - mean_x.square() - mean_y.square()
    covariance = smooth_volume(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + luminance_floor) / (mean_x.square() + mean_y.square() + luminance_floor)
    structure = (2 * covariance + contrast_floor) / (variances + contrast_floor)
    return (luminance * structure).mean((-3, -2, -1))


def smooth_volume(volumes: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n 3 h w"]:
    """Mean under an 11 x 11 x 11 Gaussian, sigma 1.5; the outermost values repeat."""
    weights = torch.exp(-((torch.arange(11, dtype=volumes.dtype) - 5) ** 2) / (2 * 1.5**2))
    colours = (torch.arange(3)[:, None] + torch.arange(11) - 5).clamp(0, 2)  # which colour each weight falls on
    mixed = torch.zeros(3, 3, dtype=volumes.dtype).scatter_add_(1, colours, (weights / weights.sum()).expand(3, 11))
    flat = F.pad(rearrange(volumes, "... c h w -> (...) c h w"), (5, 5, 5, 5), mode="replicate")
    return torch.einsum("oc,nchw->nohw", mixed, smooth(flat)).reshape(volumes.shape)


def interpolation_error(images: Float[Tensor, "*n 3 h w"], originals: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n"]:
    """IE of the Middlebury benchmark, in levels of 0 ... 255, of RGB in [0, 1] (Baker et al. 2011).

    The root of the mean over the pixels of |difference|², where a pixel's difference is the length of the vector of its
    red, green and blue differences. Divide by sqrt(3) for the root mean square over pixels and colours. fp64.
    """
    return levels_off(images, originals).square().sum(-3).mean((-2, -1)).sqrt()


def absolute_error(images: Float[Tensor, "*n 3 h w"], originals: Float[Tensor, "*n 3 h w"]) -> Float[Tensor, "*n"]:
    """Mean absolute difference over pixels and colours, in levels of 0 ... 255, of RGB in [0, 1]. fp64.

    Programs since DAIN (Bao et al. 2019) print this one as "interpolation error", and CycMu-Net's tables hold it.
    """
    return levels_off(images, originals).abs().mean((-3, -2, -1))


def levels_off(images: Float[Tensor, "*n c h w"], originals: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
    return PEAK * (images.double() - originals.double())
