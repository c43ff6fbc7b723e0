"""NIQE; the referees are SciPy's distributions, filters and distances, and a plain second way through the formulas."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file
from scipy.io import savemat
from scipy.ndimage import gaussian_filter
from scipy.optimize import brentq
from scipy.spatial.distance import mahalanobis
from scipy.special import gamma
from scipy.stats import gennorm

from stvsr.errors import InputError, OutputError, WeightsError
from stvsr.evaluation.naturalness import (
    PristineModel,
    fit_asymmetric,
    fit_pristine,
    load_pristine,
    niqe,
    normalised,
    patch_features,
    save_pristine,
    shape_of,
)


def dead_leaves(seed: int, size: int = 288) -> torch.Tensor:
    """Discs of all sizes that hide one another: a scene with the statistics of photographs (Lee et al. 2001)."""
    random = np.random.default_rng(seed)
    picture = np.full((3, size, size), 0.5)
    for radius in 3 / random.random(900) ** 0.5:
        middle = random.random(2) * size
        top, left = (max(int(at - radius), 0) for at in middle)
        part = picture[:, top : int(middle[0] + radius) + 2, left : int(middle[1] + radius) + 2]
        y, x = np.mgrid[top : top + part.shape[1], left : left + part.shape[2]]
        disc = (y - middle[0]) ** 2 + (x - middle[1]) ** 2 < radius**2
        part[:, disc] = (random.random((3, 1)) + 0.1 * random.normal(size=int(disc.sum()))).clip(0, 1)
    soft = gaussian_filter(picture, (0, 0.7, 0.7))
    return torch.from_numpy(soft.clip(0, 1)).float()


@pytest.fixture(scope="module")
def model() -> PristineModel:
    return fit_pristine((dead_leaves(seed) for seed in range(10)), label="ten pictures of dead leaves")


@pytest.mark.parametrize(("ratio", "shape"), [(1 / 2, 1), (2 / np.pi, 2), (0.75, 10), (1e-9, 0.2)])
def test_laplace_and_gauss_have_shapes_one_and_two_and_others_end_at_the_grid(ratio, shape):
    assert float(shape_of(torch.tensor([ratio], dtype=torch.float64))) == pytest.approx(shape, abs=1e-6)


@pytest.mark.parametrize("shape", [0.5, 1.0, 2.0, 4.0])
def test_the_fit_finds_the_shape_and_both_scales_of_scipys_gennorm(shape):
    left, right, count = 2.0, 0.5, 40000
    sides = []
    for scale in (-left, right):  # each side occurs as often as it is wide; evenly spaced quantiles, no chance
        quantiles = int(count * abs(scale))
        sides.append(scale * gennorm.isf((np.arange(quantiles) + 0.5) / (2 * quantiles), shape))
    found = fit_asymmetric(torch.from_numpy(np.concatenate(sides))[None])
    assert [float(value) for value in found] == pytest.approx([shape, left, right], rel=0.01)


def test_normalising_agrees_with_scipys_gaussian_filter():
    grey = 255 * np.random.default_rng(3).random((30, 41))
    mean, square = (gaussian_filter(plane, 7 / 6, radius=3, mode="nearest") for plane in (grey, grey**2))
    deviation = np.sqrt(square - mean**2)
    ours, spread = normalised(torch.from_numpy(grey))
    assert np.allclose(spread.numpy(), deviation, atol=1e-9)
    assert np.allclose(ours.numpy(), (grey - mean) / (deviation + 1), atol=1e-9)


def fitted_plainly(samples: np.ndarray) -> tuple[float, float, float]:
    """Shape, left and right scale, by root finding instead of a table."""
    left, right = (np.sqrt(np.mean(samples[side] ** 2)) for side in (samples < 0, samples > 0))
    skew = left / right
    ratio = np.mean(np.abs(samples)) ** 2 / np.mean(samples**2)
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    shape = brentq(lambda a: gamma(2 / a) ** 2 / gamma(1 / a) / gamma(3 / a) - ratio, 0.2, 10)
    scale = np.sqrt(gamma(1 / shape) / gamma(3 / shape))
    return shape, left * scale, right * scale


def described_plainly(patch: np.ndarray) -> list[float]:
    shape, low, high = fitted_plainly(patch.ravel())
    features = [shape, (low + high) / 2]
    neighbours = [  # the pixel to the left, above, above left, below left
        np.roll(patch, 1, axis=1),
        np.roll(patch, 1, axis=0),
        np.roll(patch, (1, 1), axis=(0, 1)),
        np.roll(patch, (-1, 1), axis=(0, 1)),
    ]
    for neighbour in neighbours:
        shape, low, high = fitted_plainly((patch * neighbour).ravel())
        features += [shape, (high - low) * gamma(2 / shape) / gamma(1 / shape), low, high]
    return features


def test_features_of_every_patch_agree_with_a_plain_second_way_through_the_formulas():
    picture = dead_leaves(11, size=200)
    grey = (picture[:, :192, :192].double() * 255).permute(1, 2, 0).numpy() @ [0.2989360213, 0.5870430745, 0.1140209043]
    grey = grey.round()
    half = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((96, 96), Image.Resampling.BICUBIC), dtype=float)
    (normal, deviation), (half_normal, _) = (
        [plane.numpy() for plane in normalised(torch.from_numpy(size))] for size in (grey, half)
    )
    features, sharpness = patch_features(picture)
    assert features.shape == (4, 36)
    for index, (y, x) in enumerate([(0, 0), (0, 48), (48, 0), (48, 48)]):
        patch = (slice(2 * y, 2 * y + 96), slice(2 * x, 2 * x + 96))
        assert features[index, :18].numpy() == pytest.approx(described_plainly(normal[patch]), abs=2e-3)
        assert float(sharpness[index]) == pytest.approx(deviation[patch].mean())
        half_patch = half_normal[y : y + 48, x : x + 48]  # Pillow halves alike, but for the border
        assert features[index, 18:].numpy() == pytest.approx(described_plainly(half_patch), rel=0.01, abs=0.005)


def test_the_score_is_the_distance_of_two_gaussians(model):
    picture = dead_leaves(13)
    features = patch_features(picture)[0].numpy()
    spread = (np.cov(features.T) + model.covariance.numpy()) / 2
    wanted = mahalanobis(features.mean(0), model.mean.numpy(), np.linalg.inv(spread))
    assert float(niqe(picture[None], model)) == pytest.approx(wanted, rel=1e-5)


def test_noise_and_blur_raise_the_score(model):
    picture = dead_leaves(14)
    random = torch.Generator().manual_seed(4)
    noisy = (picture + 0.08 * torch.randn(picture.shape, generator=random)).clamp(0, 1)
    soft, softer = (torch.from_numpy(gaussian_filter(picture.numpy(), (0, sigma, sigma))) for sigma in (1, 2))
    clean, with_noise, blurred, very_blurred = niqe(torch.stack([picture, noisy, soft, softer]), model).tolist()
    assert with_noise > 1.5 * clean
    assert 1.2 * clean < blurred < very_blurred


def test_only_sharp_patches_make_the_model():
    sharp = dead_leaves(15)
    half_soft = torch.from_numpy(gaussian_filter(sharp.numpy(), (0, 3, 3)))
    half_soft[..., 96:] = sharp[..., 96:]  # the left three of nine patches lost their detail
    fitted = [fit_pristine([picture] * 12, label="") for picture in (half_soft, sharp[..., 96:])]
    assert torch.allclose(fitted[0].mean, fitted[1].mean, atol=0.02)


def test_too_small_too_few_and_empty_pictures_are_told_apart(model):
    with pytest.raises(InputError, match="95x96"):
        niqe(torch.rand(1, 3, 96, 95), model)
    with pytest.raises(InputError, match="sharp patches"):
        fit_pristine([dead_leaves(16)], label="")
    assert niqe(torch.full((1, 3, 96, 96), 0.5), model).isnan().all()


@pytest.mark.parametrize("names", [("mean", "covariance"), ("mu_pris_param", "cov_pris_param")])
def test_models_are_read_from_numpy_files(tmp_path, model, names):
    path = tmp_path / "model.npz"
    np.savez(path, **dict(zip(names, (model.mean.numpy()[None], model.covariance.numpy()), strict=True)))
    read = load_pristine(path)
    assert torch.equal(read.mean, model.mean)
    assert torch.equal(read.covariance, model.covariance)


def test_the_authors_matlab_file_is_read(tmp_path, model):
    path = tmp_path / "modelparameters.mat"
    savemat(path, {"mu_prisparam": model.mean.numpy()[None], "cov_prisparam": model.covariance.numpy()})
    read = load_pristine(path)
    assert (read.label, read.mean.tolist()) == ("modelparameters.mat", model.mean.tolist())
    assert torch.equal(read.covariance, model.covariance)


def test_a_fitted_model_survives_its_file_with_its_label(tmp_path, model):
    save_pristine(tmp_path / "ours.safetensors", model)
    read = load_pristine(tmp_path / "ours.safetensors")
    assert read.label == "ten pictures of dead leaves"
    assert torch.equal(read.mean, model.mean)
    assert torch.equal(read.covariance, model.covariance)


def test_a_file_that_holds_no_model_is_told_apart(tmp_path, model):
    with pytest.raises(WeightsError, match="no NIQE model at"):
        load_pristine(tmp_path / "none.npz")
    for name in ("text.npz", "text.mat", "text.safetensors"):
        (tmp_path / name).write_text("not a model, only some words that are long enough to look at")
        with pytest.raises(WeightsError, match="cannot be read"):
            load_pristine(tmp_path / name)
    save_file({"mean": np.zeros(18), "covariance": np.zeros((18, 18))}, tmp_path / "half.safetensors")
    with pytest.raises(WeightsError, match=r"mean \(18,\)"):
        load_pristine(tmp_path / "half.safetensors")
    with pytest.raises(OutputError, match="Cannot write"):
        save_pristine(tmp_path / "nowhere" / "model.safetensors", model)
