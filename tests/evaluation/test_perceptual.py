"""LPIPS with random weights; the referee is NumPy and plain loops over the paper's Equation 1."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view
from safetensors.torch import save_file

from stvsr.errors import InputError, WeightsError
from stvsr.evaluation.perceptual import load_lpips

SHAPES = {"0": (64, 3, 11), "3": (192, 64, 5), "6": (384, 192, 3), "8": (256, 384, 3), "10": (256, 256, 3)}
PLACES = list(SHAPES)


@pytest.fixture(scope="module")
def alexnet() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(9)
    weights = {}
    for place, (out, into, size) in SHAPES.items():
        spread = (2 / (into * size**2)) ** 0.5
        weights[f"features.{place}.weight"] = spread * torch.randn(out, into, size, size, generator=random)
        weights[f"features.{place}.bias"] = 0.1 * torch.randn(out, generator=random)
    return weights


@pytest.fixture(scope="module")
def linear() -> dict[str, torch.Tensor]:
    random = torch.Generator().manual_seed(10)
    widths = [shape[0] for shape in SHAPES.values()]
    return {f"lin{i}.model.1.weight": torch.rand(1, width, 1, 1, generator=random) for i, width in enumerate(widths)}


@pytest.fixture
def files(tmp_path: Path, alexnet, linear) -> list[Path]:
    """As torchvision and the authors give them: with AlexNet's classifier, which is not needed."""
    torch.save({**alexnet, "classifier.1.weight": torch.rand(4, 4)}, tmp_path / "alexnet.pth")
    torch.save(linear, tmp_path / "alex.pth")
    return [tmp_path / "alexnet.pth", tmp_path / "alex.pth"]


def plain_features(picture: np.ndarray, weights: dict[str, torch.Tensor]) -> list[np.ndarray]:
    """Of one picture, c h w in [-1, 1]."""
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    feat, found = (picture - shift[:, None, None]) / scale[:, None, None], []
    for place, stride, padding, pooled in zip(PLACES, (4, 1, 1, 1, 1), (2, 2, 1, 1, 1), (0, 1, 1, 0, 0), strict=True):
        if pooled:
            corners = [
                feat[:, y : feat.shape[1] - 2 + y, x : feat.shape[2] - 2 + x] for y in range(3) for x in range(3)
            ]
            feat = np.max(corners, axis=0)[:, ::2, ::2]
        kernel, bias = (weights[f"features.{place}.{part}"].double().numpy() for part in ("weight", "bias"))
        padded = np.pad(feat, ((0, 0), (padding, padding), (padding, padding)))
        seen = sliding_window_view(padded, kernel.shape[-2:], axis=(1, 2))[:, ::stride, ::stride]
        feat = np.maximum(np.einsum("chwyx,dcyx->dhw", seen, kernel, optimize=True) + bias[:, None, None], 0)
        found.append(feat)
    return found


def test_the_distance_equals_plain_loops_over_the_formula(files, alexnet, linear):
    random = np.random.default_rng(12)
    pictures = random.random((2, 2, 3, 47, 55)).astype(np.float32)
    pictures[1, 1] = pictures[1, 0] + 0.01
    wanted = []
    for ours, true in pictures.transpose(1, 0, 2, 3, 4):
        total = 0.0
        for layer, (a, b) in enumerate(
            zip(*(plain_features(2.0 * side - 1, alexnet) for side in (ours, true)), strict=True)
        ):
            weight = linear[f"lin{layer}.model.1.weight"].flatten().double().numpy()
            places = [
                weight @ (a[:, y, x] / np.linalg.norm(a[:, y, x]) - b[:, y, x] / np.linalg.norm(b[:, y, x])) ** 2
                for y in range(a.shape[1])
                for x in range(a.shape[2])
            ]
            total += np.mean(places)
        wanted.append(total)
    measured = load_lpips(*files)(*map(torch.from_numpy, pictures))
    assert measured.tolist() == pytest.approx(wanted, rel=1e-4)


def test_equal_pictures_have_no_distance(files):
    pictures = torch.rand(2, 3, 31, 40)
    assert load_lpips(*files)(pictures, pictures).tolist() == [0, 0]


@pytest.mark.parametrize("doubled", [False, True])
def test_the_whole_state_in_one_file_means_the_same(tmp_path, files, alexnet, linear, doubled):
    state = {f"lins.{name[3]}{name[4:]}" if doubled else name: tensor for name, tensor in linear.items()}
    for layer, place in enumerate(PLACES, start=1):
        for part in ("weight", "bias"):
            state[f"net.slice{layer}.{place}.{part}"] = alexnet[f"features.{place}.{part}"]
    save_file({**state, "scaling_layer.shift": torch.zeros(1, 3, 1, 1)}, tmp_path / "whole.safetensors")
    images, originals = torch.rand(2, 1, 3, 33, 33)
    assert torch.equal(
        load_lpips(tmp_path / "whole.safetensors")(images, originals), load_lpips(*files)(images, originals)
    )


def test_missing_parts_files_and_pixels_are_told_apart(tmp_path, files):
    with pytest.raises(WeightsError, match=r"lacks 5 of 15 tensors \(importance\.0"):
        load_lpips(files[0])
    with pytest.raises(WeightsError, match="lacks 15 of 15"):
        load_lpips()
    with pytest.raises(WeightsError, match="no weight file at"):
        load_lpips(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("not weights")
    with pytest.raises(WeightsError, match="damaged"):
        load_lpips(tmp_path / "text.pth")
    with pytest.raises(InputError, match="30x40"):
        load_lpips(*files)(*torch.rand(2, 1, 3, 40, 30))
