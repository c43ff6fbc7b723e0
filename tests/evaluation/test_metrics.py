"""PSNR, SSIM and Y; the referees are scikit-image and closed forms."""

import math

import numpy as np
import pytest
import torch
from skimage import color
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from stvsr.evaluation.metrics import luma, psnr, ssim


def picture_pair(noise: float, base: float = 110.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture with structure at several sizes, and the same with noise, 8-bit values on 0 ... 255."""
    random = torch.Generator().manual_seed(1)
    y, x = torch.meshgrid(torch.arange(61.0), torch.arange(83.0), indexing="ij")
    picture = (base + 60 * torch.sin(x * x / 300) * torch.cos(y / 7)).round().clamp(0, 255)
    return picture, (picture + noise * torch.randn(61, 83, generator=random)).round().clamp(0, 255)


def test_luma_is_y_of_bt601_in_limited_range():
    images = torch.rand(2, 3, 5, 7)
    wanted = color.rgb2ycbcr(images.numpy(), channel_axis=-3)[:, 0]
    assert np.allclose(luma(images).numpy(), wanted, atol=1e-3)
    black_and_white = torch.tensor([0.0, 1.0]).expand(3, 1, 2)
    assert torch.allclose(luma(black_and_white), torch.tensor([[16.0, 235.0]]))


def test_psnr_equals_scikit_image_for_each_image_of_a_batch():
    pairs = [picture_pair(noise) for noise in (1, 8)]
    measured = psnr(torch.stack([pair[1] for pair in pairs]), torch.stack([pair[0] for pair in pairs]))
    wanted = [peak_signal_noise_ratio(a.numpy(), b.numpy(), data_range=255) for a, b in pairs]
    assert np.allclose(measured.numpy(), wanted, atol=1e-4)


def test_psnr_of_one_level_of_difference_is_48_13_db_and_of_none_infinite():
    picture, _ = picture_pair(0)
    assert float(psnr(picture + 1, picture)) == pytest.approx(20 * math.log10(255), abs=1e-4)
    assert float(psnr(picture, picture)) == math.inf


@pytest.mark.parametrize(("noise", "base"), [(1, 110), (8, 110), (30, 30), (0.3, 235)])
def test_ssim_equals_scikit_image_over_the_valid_region(noise, base):
    picture, noisy = picture_pair(noise, base)
    _, whole = structural_similarity(
        picture.double().numpy(),
        noisy.double().numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        full=True,
    )
    assert float(ssim(noisy, picture)) == pytest.approx(whole[5:-5, 5:-5].mean(), abs=1e-6)


def test_ssim_tells_the_images_of_a_batch_apart_and_is_one_for_equal_images():
    picture, noisy = picture_pair(8)
    measured = ssim(torch.stack([picture, noisy]), torch.stack([picture, picture]))
    assert float(measured[0]) == pytest.approx(1, abs=1e-7)
    assert float(measured[1]) == pytest.approx(float(ssim(noisy, picture)), abs=1e-7)
