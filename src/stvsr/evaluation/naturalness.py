"""NIQE: how far the local statistics of a picture are from those of undisturbed photographs. Lower is better.

Mittal, Soundararajan, Bovik, "Making a 'Completely Blind' Image Quality Analyzer", IEEE Signal Processing Letters 2013.
Written from the paper; where it leaves a number open (the border, the grid of shapes, how a picture is halved) this
follows MATLAB and the authors' released program, so that their model of photographs can be used.

A picture needs no original, but the score needs a model of undamaged pictures: the authors' published one, read from a
file, or one fitted here. Scores under different models cannot be compared, so each model carries a label.

n frames · p patches · k pixels or products of one patch · h w size.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import safetensors
import torch
from einops import rearrange
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from stvsr.errors import InputError, MissingExtraError, OutputError, WeightsError
from stvsr.ops.resize import resize

PATCH = 96
FEATURES = 36
SHARP = 0.75
"""A model is fitted to the patches whose sharpness exceeds this share of the sharpest patch's in their picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PristineModel:
    """A multivariate Gaussian over the features of patches of undamaged pictures."""

    mean: Float[Tensor, "36"]
    covariance: Float[Tensor, "36 36"]
    label: str
    """Where it comes from; to be printed beside every score."""


@torch.no_grad()
def niqe(frames: Float[Tensor, "n 3 h w"], model: PristineModel) -> Float[Tensor, " n"]:
    """The score of each frame, RGB in [0, 1]; not a number for a frame without any texture.

    Raises InputError for frames smaller than 96 x 96.
    """
    return torch.stack([distance(patch_features(frame)[0], model) for frame in frames])


def distance(features: Float[Tensor, "p 36"], model: PristineModel) -> Float[Tensor, ""]:
    """Between the Gaussian of these patches and the model (Equation 10)."""
    if len(features) == 0:
        return torch.tensor(torch.nan, dtype=torch.float64)
    mean, covariance = gaussian_of(features)
    off = mean - model.mean
    return (off @ torch.linalg.pinv((covariance + model.covariance) / 2) @ off).sqrt()


def gaussian_of(features: Float[Tensor, "p 36"]) -> tuple[Float[Tensor, "36"], Float[Tensor, "36 36"]]:
    """Mean and covariance; a single patch has no spread."""
    if len(features) == 1:
        return features[0], torch.zeros(FEATURES, FEATURES, dtype=features.dtype)
    return features.mean(0), torch.cov(features.T)


@torch.no_grad()
def fit_pristine(pictures: Iterable[Float[Tensor, "3 _ _"]], *, label: str) -> PristineModel:
    """Fit a model to undamaged pictures, RGB in [0, 1], of any sizes from 96 x 96; sharp patches only (Equation 9).

    The authors took 125 photographs of 480 x 320 to 1280 x 720. Raises InputError for a picture that is too small, or
    too few sharp patches.
    """
    kept = []
    for picture in pictures:
        features, sharpness = patch_features(picture)
        kept.append(features[sharpness > SHARP * sharpness.max()] if len(features) else features)
    count = sum(map(len, kept))
    if count <= FEATURES:
        raise InputError(
            f"{len(kept)} pictures have {count} sharp patches of {PATCH}x{PATCH}, but a model of {FEATURES} features "
            f"takes at least {FEATURES + 1}, better a thousand. Add sharp, undamaged photographs."
        )
    mean, covariance = gaussian_of(torch.cat(kept))
    return PristineModel(mean=mean, covariance=covariance, label=label)


def patch_features(picture: Float[Tensor, "3 h w"]) -> tuple[Float[Tensor, "p 36"], Float[Tensor, " p"]]:
    """18 features at full size and 18 at half of it, and the sharpness, of every whole patch that has texture."""
    height, width = picture.shape[-2:]
    if min(height, width) < PATCH:
        raise InputError(f"NIQE takes pictures of at least {PATCH}x{PATCH}, but this one is {width}x{height}.")
    grey = grey_levels(picture[:, : height // PATCH * PATCH, : width // PATCH * PATCH])
    normal, deviation = normalised(grey)
    half, _ = normalised(resize(grey, Fraction(1, 2)))
    features = torch.cat([describe(patches(normal, PATCH)), describe(patches(half, PATCH // 2))], dim=1)
    sharpness = patches(deviation, PATCH).mean((-2, -1))
    textured = features.isfinite().all(1)
    return features[textured], sharpness[textured]


def grey_levels(picture: Float[Tensor, "3 h w"]) -> Float[Tensor, "h w"]:
    """MATLAB's ``rgb2gray`` of an 8-bit picture: 0 ... 255, rounded."""
    red, green, blue = 255 * picture.double()
    return (0.298936021293776 * red + 0.587043074451121 * green + 0.114020904255103 * blue).round()


def normalised(grey: Float[Tensor, "h w"]) -> tuple[Float[Tensor, "h w"], Float[Tensor, "h w"]]:
    """Each pixel less the local mean, over the local deviation + 1 (Equations 1 to 3); and the deviation."""
    mean = local_mean(grey)
    deviation = (local_mean(grey.square()) - mean.square()).abs().sqrt()
    return (grey - mean) / (deviation + 1), deviation


def local_mean(grey: Float[Tensor, "h w"]) -> Float[Tensor, "h w"]:
    """Under a 7 x 7 Gaussian cut off at three deviations; the edge pixel repeats."""
    weights = torch.exp(-((torch.arange(7, dtype=grey.dtype) - 3) ** 2) / (2 * (7 / 6) ** 2))
    weights = (weights / weights.sum()).reshape(1, 1, 1, 7)
    padded = F.pad(grey[None, None], (3, 3, 3, 3), mode="replicate")
    return F.conv2d(F.conv2d(padded, weights), weights.mT)[0, 0]


def patches(plane: Float[Tensor, "h w"], size: int) -> Float[Tensor, "p {size} {size}"]:
    return rearrange(plane, "(row y) (column x) -> (row column) y x", y=size, x=size)


def describe(normal: Float[Tensor, "p y x"]) -> Float[Tensor, "p 18"]:
    """Shape and scale of the pixels; shape, mean, left and right scale of the products of neighbours in 4 directions.

    Neighbours wrap around within a patch.
    """
    shape, left, right = fit_asymmetric(normal.flatten(1))
    columns = [shape, (left + right) / 2]
    for step in ((0, 1), (1, 0), (1, 1), (-1, 1)):
        shape, left, right = fit_asymmetric((normal * normal.roll(step, dims=(1, 2))).flatten(1))
        mean = (right - left) * (torch.lgamma(2 / shape) - torch.lgamma(1 / shape)).exp()
        columns += [shape, mean, left, right]
    return torch.stack(columns, dim=1)


def fit_asymmetric(
    samples: Float[Tensor, "p k"],
) -> tuple[Float[Tensor, " p"], Float[Tensor, " p"], Float[Tensor, " p"]]:
    """Shape, left scale and right scale of asymmetric generalised Gaussians, by moments (Lasmar et al. 2009).

    Density (Equation 5): exp(-(|x| / scale)^shape), a scale for each side. Not a number where one side is empty.
    """
    left = root_mean_square_where(samples < 0, samples)
    right = root_mean_square_where(samples > 0, samples)
    skew = left / right
    ratio = samples.abs().mean(1).square() / samples.square().mean(1)
    shape = shape_of(ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1).square())
    to_scale = ((torch.lgamma(1 / shape) - torch.lgamma(3 / shape)) / 2).exp()
    return shape, left * to_scale, right * to_scale


def root_mean_square_where(mask: Tensor, samples: Float[Tensor, "p k"]) -> Float[Tensor, " p"]:
    return (torch.where(mask, samples, 0).square().sum(1) / mask.sum(1)).sqrt()


def shape_of(ratio: Float[Tensor, " p"]) -> Float[Tensor, " p"]:
    """The shape whose E[|x|]² / E[x²] is ``ratio``: the nearest of 0.2, 0.201 ... 10, as in the released program."""
    shapes = torch.arange(200, 10001, dtype=ratio.dtype) / 1000
    ratios = (2 * torch.lgamma(2 / shapes) - torch.lgamma(1 / shapes) - torch.lgamma(3 / shapes)).exp()
    above = torch.searchsorted(ratios, ratio.contiguous()).clamp(1, len(ratios) - 1)
    nearer_below = ratio - ratios[above - 1] < ratios[above] - ratio
    return torch.where(ratio.isfinite(), shapes[above - nearer_below.long()], torch.nan)


NAMES = {"mean": "covariance", "mu_prisparam": "cov_prisparam", "mu_pris_param": "cov_pris_param"}
"""What files call mean and covariance: ours, the authors' ``modelparameters.mat``, and copies of it as ``.npz``."""


def load_pristine(path: Path) -> PristineModel:
    """Read a model: ``.safetensors`` (``save_pristine``), ``.npz``, or the authors' ``.mat`` (needs SciPy).

    The file holds 36 means and a 36 x 36 covariance under one of the pairs of ``NAMES``.
    Raises WeightsError where it is missing, damaged or holds no model, MissingExtraError without SciPy.
    """
    if not path.is_file():
        raise WeightsError(f"There is no NIQE model at {path}. Check the path, or fit one to undamaged pictures.")
    arrays, label = read_arrays(path)
    for mean, covariance in NAMES.items():
        if mean in arrays and covariance in arrays:
            sizes = arrays[mean].size, arrays[covariance].size
            if sizes != (FEATURES, FEATURES**2):
                break
            return PristineModel(
                mean=torch.from_numpy(arrays[mean].astype(np.float64).reshape(FEATURES)),
                covariance=torch.from_numpy(arrays[covariance].astype(np.float64).reshape(FEATURES, FEATURES)),
                label=label,
            )
    held = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
    raise WeightsError(
        f"{path} is not a NIQE model: it holds {held}, where {FEATURES} numbers called 'mean' and "
        f"{FEATURES}x{FEATURES} called 'covariance' are needed (or the names of the authors' modelparameters.mat)."
    )


def read_arrays(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The arrays of a file by name, and the label."""
    try:
        if path.suffix == ".npz":
            with np.load(path) as file:
                return dict(file), path.name
        if path.suffix == ".mat":
            return read_mat(path), path.name
        with safetensors.safe_open(path, framework="np") as file:
            header = file.metadata() or {}
            return {name: file.get_tensor(name) for name in file.keys()}, header.get("label", path.name)  # noqa: SIM118
    except (OSError, ValueError, EOFError, BadZipFile, safetensors.SafetensorError) as error:
        raise WeightsError(
            f"{path} cannot be read as a NIQE model ({error}). Give a .safetensors, .npz or .mat file."
        ) from error


def read_mat(path: Path) -> dict[str, np.ndarray]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise MissingExtraError(
            f"Reading {path} needs SciPy, which is not installed. Run: pip install scipy"
        ) from error
    try:
        return {name: array for name, array in loadmat(path).items() if not name.startswith("__")}
    except Exception as error:  # whatever a broken file happens to trip over in SciPy's reader
        raise ValueError(error) from error


def save_pristine(path: Path, model: PristineModel) -> None:
    """Write a model as safetensors: ``mean``, ``covariance`` (fp64), and the label in the header.

    Raises OutputError where it cannot.
    """
    tensors = {"mean": model.mean.contiguous(), "covariance": model.covariance.contiguous()}
    try:
        save_file(tensors, path, metadata={"label": model.label})
    except (OSError, safetensors.SafetensorError) as error:
        raise OutputError(f"Cannot write the NIQE model to {path}: {error}. Check the folder and the space.") from error
