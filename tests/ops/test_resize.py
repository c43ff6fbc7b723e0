"""``resize`` is MATLAB's ``imresize``; the referees are closed forms and OpenCV where definitions agree."""

import pytest
import torch
from torch.nn import functional as F

from stvsr.ops.resize import enlarge_phases, resize, resize_to


def test_a_constant_stays_constant():
    image = torch.full((1, 3, 17, 23), 0.3)
    for scale in (1 / 4, 1 / 3, 0.7, 1, 2, 3.3, 4):
        assert torch.allclose(resize(image, scale), torch.tensor(0.3), atol=1e-6)


@pytest.mark.parametrize("scale", [0.5, 2, 4])
def test_a_ramp_stays_a_ramp_away_from_the_border(scale):
    """Keys' kernel reproduces straight lines; the new pixel centres lie at (i + 1/2) / scale - 1/2."""
    ramp = torch.arange(64, dtype=torch.float32).expand(1, 1, 64, 64)
    wanted = (torch.arange(int(64 * scale)) + 0.5) / scale - 0.5
    inside = slice(int(8 * scale), int(56 * scale))
    assert torch.allclose(resize(ramp, scale)[0, 0, 0, inside], wanted[inside], atol=1e-4)


def test_shrinking_equals_pytorchs_antialiased_bicubic_away_from_the_border():
    """torch's antialiased bicubic also uses a = -0.5 and differs in border handling only."""
    image = torch.rand(2, 3, 48, 64)
    wanted = F.interpolate(image, scale_factor=0.25, mode="bicubic", antialias=True)
    assert torch.allclose(resize(image, 0.25)[..., 3:-3, 3:-3], wanted[..., 3:-3, 3:-3], atol=1e-5)


def test_known_values_of_matlab():
    """imresize([0 0 1 0 0; ...], 2) has these phases: Keys' kernel at 1/4, 3/4, 5/4, 7/4."""
    row = torch.zeros(1, 1, 1, 9)
    row[..., 4] = 1
    enlarged = resize_to(row, 1, 18)[0, 0, 0]
    keys = torch.tensor([-0.0234375, -0.0703125, 0.2265625, 0.8671875])
    assert torch.allclose(enlarged[5:9], keys)
    assert torch.allclose(enlarged[9:13], keys.flip(0))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_phases_are_the_same_enlargement_borders_included(scale):
    image = torch.rand(2, 3, 11, 14)
    assert torch.allclose(F.pixel_shuffle(enlarge_phases(image, scale), scale), resize(image, scale), atol=1e-6)


def test_resizing_is_differentiable():
    image = torch.rand(1, 1, 8, 8, requires_grad=True)
    resize(image, 0.5).sum().backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0


def test_autocast_does_not_coarsen_a_picture():
    image = torch.rand(1, 3, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        coarse, phases = resize(image, 4), F.pixel_shuffle(enlarge_phases(image, 4), 4)
    assert torch.equal(coarse, resize(image, 4))
    assert torch.allclose(phases, resize(image, 4), atol=1e-6)


def test_what_was_resized_in_inference_mode_can_be_trained_with_afterwards():
    with torch.inference_mode():
        resize(torch.rand(1, 1, 7, 5), 3)
        enlarge_phases(torch.rand(1, 2, 7, 5), 3)
    image = torch.rand(1, 2, 7, 5, requires_grad=True)
    (resize(image, 3).sum() + enlarge_phases(image, 3).sum()).backward()
    assert image.grad is not None
