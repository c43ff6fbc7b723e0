"""Farnebäck's flow against OpenCV's, against closed forms, and its gradient against finite differences."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from stvsr.ops.flow import expand, farneback

MIDDLEBURY = Path("../shared/footage/eval/Middlebury-other/input")
INSIDE = 15
"""Pixels from the border, the width of the window."""


def waves(height: int, width: int, dx: float = 0.0, dy: float = 0.0, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """A smooth texture moved by (dx, dy): three colours alike."""
    y, x = torch.meshgrid(torch.arange(height, dtype=dtype) - dy, torch.arange(width, dtype=dtype) - dx, indexing="ij")
    grey = 0.5 + 0.2 * torch.sin(0.5 * x + 0.2 * y) + 0.2 * torch.sin(0.45 * y - 0.13 * x)
    return grey.expand(1, 3, -1, -1).contiguous()


def levels_of_8_bits(grey: np.ndarray) -> Tensor:
    return torch.from_numpy(grey).float().div(255).expand(1, 3, -1, -1)


@pytest.mark.skipif(not MIDDLEBURY.is_dir(), reason="needs the Middlebury pairs")
@pytest.mark.parametrize("name", ["Dimetrodon", "RubberWhale", "Urban2", "Venus"])
def test_it_agrees_with_opencv_on_the_middlebury_pairs(name: str):
    pair = [cv2.imread(str(MIDDLEBURY / name / f"frame{number}.webp")) for number in (10, 11)]
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in pair if frame is not None]
    wanted = cv2.calcOpticalFlowFarneback(grey[0], grey[1], np.zeros(0), 0.5, 3, 15, 3, 5, 1.1, 0)
    first, second = (torch.from_numpy(frame[..., ::-1] / 255).permute(2, 0, 1)[None].float() for frame in pair)
    with torch.no_grad():
        flow = farneback(first, second)[0].permute(1, 2, 0).numpy()
    difference = np.linalg.norm(flow - wanted, axis=-1)[INSIDE:-INSIDE, INSIDE:-INSIDE]
    assert difference.mean() < 0.05  # OpenCV's grey is rounded to 8 bits, ours is not


@pytest.mark.parametrize(
    ("height", "width", "settings"),
    [
        (140, 131, {}),
        (10, 12, {}),  # below 10 pixels OpenCV forgets to trust the border less
        (40, 33, {"levels": 1, "window": 7, "iterations": 2, "reach": 7, "sigma": 1.5}),
        (70, 64, {"levels": 5, "gaussian": True}),
    ],
)
def test_on_the_same_grey_it_equals_opencv_up_to_the_border(height: int, width: int, settings: dict):
    random = np.random.default_rng(0)
    texture = cv2.GaussianBlur(random.uniform(0, 255, (height + 8, width + 8)), (0, 0), 2)
    texture = cv2.normalize(texture, np.zeros(0), 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    first, second = texture[4:-4, 4:-4].copy(), texture[5:-3, 2:-6].copy()
    settings = {"levels": 3, "window": 15, "iterations": 3, "reach": 5, "sigma": 1.1, "gaussian": False} | settings
    *numbers, gaussian = settings.values()
    flag = cv2.OPTFLOW_FARNEBACK_GAUSSIAN if gaussian else 0
    wanted = cv2.calcOpticalFlowFarneback(first, second, np.zeros(0), 0.5, *numbers, flag)
    flow = farneback(levels_of_8_bits(first), levels_of_8_bits(second), **settings)[0].permute(1, 2, 0).numpy()
    assert np.abs(flow - wanted).mean() < 1e-4


@pytest.mark.parametrize(("dx", "dy"), [(1.5, 0.0), (-0.7, 2.3)])
def test_a_moved_texture_has_its_motion(dx: float, dy: float):
    flow = farneback(waves(64, 80), waves(64, 80, dx, dy))[..., INSIDE:-INSIDE, INSIDE:-INSIDE]
    assert torch.allclose(flow, torch.tensor([dx, dy])[None, :, None, None].expand_as(flow), atol=0.1)


def test_a_polynomial_expands_to_its_own_coefficients():
    y, x = torch.meshgrid(torch.arange(-8.0, 9), torch.arange(-8.0, 9), indexing="ij")
    picture = 7 + 2 * x - 3 * y + 0.5 * x**2 - 0.25 * y**2 + 0.1 * x * y
    middle = expand(picture[None, None], 5, 1.1)[0, :, 8, 8]
    assert torch.allclose(middle, torch.tensor([2.0, -3.0, 0.5, -0.25, 0.1]), atol=1e-4)


def test_the_gradient_is_that_of_finite_differences():
    first, second = waves(6, 5, dtype=torch.float64)[:, :1], waves(6, 5, 0.4, -0.3, dtype=torch.float64)[:, :1]

    def flow(first: Tensor, second: Tensor) -> Tensor:
        return farneback(first.expand(-1, 3, -1, -1), second.expand(-1, 3, -1, -1), window=3, iterations=2, reach=1)

    assert torch.autograd.gradcheck(flow, (first.clone().requires_grad_(), second.clone().requires_grad_()))


def test_the_gradient_passes_through_the_pyramid():
    first = waves(72, 64).requires_grad_()
    farneback(first, waves(72, 64, 1.0)).square().sum().backward()
    assert first.grad is not None
    assert torch.isfinite(first.grad).all()
    assert first.grad.any()


@pytest.mark.parametrize("size", [(8, 8), (5, 3), (1, 1), (33, 64)])
def test_any_size_works_and_still_pictures_have_hardly_any_flow(size: tuple[int, int]):
    frame = waves(*size).expand(2, -1, -1, -1)
    assert farneback(frame, frame).abs().max() < 0.2  # not zero: the last row and column count as beyond the picture
    assert farneback(frame.to("meta"), frame.to("meta")).shape == (2, 2, *size)


def test_items_of_a_batch_do_not_mix_and_autocast_changes_nothing():
    first = torch.cat([waves(40, 48), waves(40, 48, 3.0)])
    second = torch.cat([waves(40, 48, 1.0), waves(40, 48, 1.0, 1.0)])
    together = farneback(first, second)
    assert torch.allclose(together[1:], farneback(first[1:], second[1:]), atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(farneback(first, second), together)


def test_a_flat_picture_gives_no_infinite_gradient():
    flat = torch.full((1, 3, 16, 16), 0.5, requires_grad=True)
    farneback(flat, flat.flip(-1)).sum().backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()
