"""PSNR and SSIM as the field prints them: on the Y channel of BT.601, each frame for itself, on the scale 0 ... 255.

Frames are rounded to 8 bits before they are measured (``stvsr.data.degrade.round_to_8_bits``): that is what a file
keeps. n any folded batch · h w size.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.ops.similarity import structural_similarity

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
    """Structural similarity of each image on the scale 0 ... 255. Both images must be at least 11 x 11."""
    return structural_similarity(images, originals, peak=PEAK)
