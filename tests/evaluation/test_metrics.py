"""PSNR, SSIM, Y and the interpolation errors; the referees are scikit-image, SciPy and closed forms."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import color
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from stvsr.evaluation.metrics import (
    absolute_error,
    interpolation_error,
    luma,
    psnr,
    psnr_rgb,
    psnr_where,
    ssim,
    ssim_across_colours,
    ssim_rgb,
)

MIDDLEBURY = Path(__file__).parents[2] / ".." / "shared" / "footage" / "eval" / "Middlebury-other"


def picture_pair(noise: float, base: float = 110.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture with structure at several sizes, and the same with noise, 8-bit values on 0 ... 255."""
    random = torch.Generator().manual_seed(1)
    y, x = torch.meshgrid(torch.arange(61.0), torch.arange(83.0), indexing="ij")
    picture = (base + 60 * torch.sin(x * x / 300) * torch.cos(y / 7)).round().clamp(0, 255)
    return picture, (picture + noise * torch.randn(61, 83, generator=random)).round().clamp(0, 255)


def colour_pair(noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Three such pictures as the colours of one, [0, 1], in single precision as frames are."""
    pairs = [picture_pair(noise, base) for base in (60.0, 110.0, 150.0)]
    picture, noisy = (torch.stack([pair[side] for pair in pairs]) / 255 for side in (0, 1))
    return picture, noisy


def channels_last(picture: torch.Tensor) -> np.ndarray:
    return picture.permute(1, 2, 0).double().numpy()


def test_luma_is_y_of_bt601_in_limited_range():
    images = torch.rand(2, 3, 5, 7)
    wanted = color.rgb2ycbcr(images.numpy(), channel_axis=-3)[:, 0]
    assert np.allclose(luma(images).numpy(), wanted, atol=1e-3)
    black_and_white = torch.tensor([0.0, 1.0]).expand(3, 1, 2)
    assert torch.allclose(luma(black_and_white), torch.tensor([[16.0, 235.0]]))


def test_psnr_equals_scikit_image_for_each_image_of_a_batch():
    pairs = [picture_pair(noise) for noise in (1, 8)]
    measured = psnr(torch.stack([pair[1] for pair in pairs]), torch.stack([pair[0] for pair in pairs]))
    wanted = [peak_signal_noise_ratio(a.double().numpy(), b.double().numpy(), data_range=255) for a, b in pairs]
    assert np.allclose(measured.numpy(), wanted, rtol=0, atol=1e-6)


def test_psnr_of_one_level_of_difference_is_48_13_db_and_of_none_infinite():
    picture, _ = picture_pair(0)
    assert float(psnr(picture + 1, picture)) == pytest.approx(20 * math.log10(255), abs=1e-9)
    assert float(psnr(picture, picture)) == math.inf


def test_psnr_and_ssim_of_rgb_equal_scikit_image():
    picture, noisy = colour_pair(8)
    first, second = channels_last(picture), channels_last(noisy)
    assert float(psnr_rgb(noisy, picture)) == pytest.approx(
        peak_signal_noise_ratio(first, second, data_range=1), abs=1e-6
    )
    gaussian = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1)
    _, whole = structural_similarity(first, second, channel_axis=2, full=True, **gaussian)
    assert float(ssim_rgb(noisy, picture)) == pytest.approx(whole[5:-5, 5:-5].mean(), abs=1e-6)


def test_psnr_of_masked_pixels_sees_only_those():
    picture, noisy = picture_pair(8)
    left = torch.zeros_like(picture, dtype=torch.bool)
    left[:, :40] = True
    masks = torch.stack([left, ~left, left | ~left, left & ~left])
    measured = psnr_where(masks, noisy.expand(4, -1, -1), picture.expand(4, -1, -1))
    for value, part in zip(measured, (slice(0, 40), slice(40, 83), slice(0, 83)), strict=False):
        assert float(value) == pytest.approx(float(psnr(noisy[:, part], picture[:, part])), abs=1e-9)
    assert measured[3].isnan()


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


def test_ssim_across_colours_equals_scipys_gaussian_in_three_dimensions():
    picture, noisy = colour_pair(8)
    x, y = picture.double().numpy(), noisy.double().numpy()

    def local(volume: np.ndarray) -> np.ndarray:
        return gaussian_filter(volume, 1.5, radius=5, mode="nearest")

    mean_x, mean_y = local(x), local(y)
    spread_x, spread_y, together = local(x * x) - mean_x**2, local(y * y) - mean_y**2, local(x * y) - mean_x * mean_y
    wanted = (2 * mean_x * mean_y + 1e-4) * (2 * together + 9e-4)
    wanted /= (mean_x**2 + mean_y**2 + 1e-4) * (spread_x + spread_y + 9e-4)
    both = ssim_across_colours(torch.stack([noisy, picture]), torch.stack([picture, picture]))
    assert both.tolist() == pytest.approx([wanted.mean(), 1], abs=1e-9)


def test_interpolation_errors_of_a_known_difference_are_its_length_and_its_mean():
    originals = torch.full((2, 3, 4, 6), 0.25)
    images = originals.clone()
    images[1] += torch.tensor([3.0, -4.0, 12.0])[:, None, None] / 255
    assert interpolation_error(images, originals).tolist() == pytest.approx([0, 13], abs=1e-4)
    assert absolute_error(images, originals).tolist() == pytest.approx([0, 19 / 3], abs=1e-4)
    images[1, :, :, 3:] = originals[1, :, :, 3:]  # half the pixels
    assert float(interpolation_error(images, originals)[1]) == pytest.approx(13 / math.sqrt(2), abs=1e-4)
    assert float(absolute_error(images, originals)[1]) == pytest.approx(19 / 6, abs=1e-4)


@pytest.mark.skipif(not MIDDLEBURY.is_dir(), reason="the Middlebury pictures are not here")
def test_errors_of_blending_two_frames_of_middlebury_are_those_counted_by_hand():
    before, after, truth = (
        np.asarray(Image.open(MIDDLEBURY / name).convert("RGB")).astype(np.int64)
        for name in (
            "input/RubberWhale/frame10.webp",
            "input/RubberWhale/frame11.webp",
            "gt/RubberWhale/frame10i11.webp",
        )
    )
    blend = (before + after + 1) // 2
    off = blend - truth
    ours = [torch.from_numpy(picture).permute(2, 0, 1) / 255 for picture in (blend, truth)]
    squares = sum(int((off[..., colour] ** 2).sum()) for colour in range(3))
    assert float(interpolation_error(*ours)) == pytest.approx(math.sqrt(squares / off[..., 0].size), abs=1e-4)
    assert float(absolute_error(*ours)) == pytest.approx(np.abs(off).sum() / off.size, abs=1e-4)
