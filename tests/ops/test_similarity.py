"""Structural similarity; the referee is scikit-image (more in tests/evaluation/test_metrics.py, on 0 ... 255)."""

import pytest
import torch
from skimage.metrics import structural_similarity as referee

from stvsr.ops.similarity import structural_similarity


def test_it_equals_scikit_image_for_colours_in_0_to_1():
    torch.manual_seed(0)
    original = torch.rand(3, 24, 30)
    image = (original + 0.1 * torch.randn(3, 24, 30)).clamp(0, 1)
    wanted = referee(
        image.double().numpy(),
        original.double().numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1.0,
        channel_axis=0,
    )
    assert float(structural_similarity(image, original, peak=1.0).mean()) == pytest.approx(wanted, abs=1e-6)


def test_its_gradient_is_right_and_leads_towards_the_original():
    torch.manual_seed(0)
    original = torch.rand(1, 12, 13, dtype=torch.float64)
    image = torch.rand(1, 12, 13, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda ours: structural_similarity(ours, original, peak=1.0), (image,))
    before = structural_similarity(image, original, peak=1.0)
    before.sum().backward()
    assert image.grad is not None
    with torch.no_grad():
        assert structural_similarity(image + 0.01 * image.grad / image.grad.norm(), original, peak=1.0) > before
