"""Backward warp against SciPy's interpolation, and its two paths against each other."""

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch.nn import functional as F

from stvsr.ops.warp import backward_warp, warp_phases


def test_warp_equals_scipys_linear_interpolation_with_repeated_edges():
    torch.manual_seed(0)
    image, flow = torch.rand(2, 5, 13, 17), torch.randn(2, 2, 13, 17) * 6
    warped = backward_warp(image, flow)
    y, x = np.mgrid[:13, :17]
    for item in range(2):
        for channel in range(5):
            wanted = map_coordinates(
                image[item, channel].numpy(),
                [y + flow[item, 1].numpy(), x + flow[item, 0].numpy()],
                order=1,
                mode="nearest",
            )
            assert np.abs(warped[item, channel].numpy() - wanted).max() < 1e-5


def test_the_path_for_inference_equals_the_differentiable_path():
    torch.manual_seed(1)
    for size in ((13, 17), (1, 9), (9, 1), (1, 1)):
        image, flow = torch.rand(2, 8, *size), torch.randn(2, 2, *size) * 5
        fast = None
        with torch.inference_mode():
            fast = backward_warp(image, flow)
        assert torch.allclose(fast, backward_warp(image.requires_grad_(), flow), atol=1e-4)


def test_the_flow_of_a_moves_b_onto_a():
    """b is a shifted one pixel to the right: each pixel of a looks one to the right in b."""
    a = torch.rand(1, 1, 6, 8)
    b = torch.roll(a, 1, dims=-1)
    flow_a2b = torch.zeros(1, 2, 6, 8)
    flow_a2b[:, 0] = 1
    assert torch.allclose(backward_warp(b, flow_a2b)[..., :-1], a[..., :-1])


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize(("scale", "height", "width"), [(4, 9, 13), (2, 5, 3), (3, 1, 1), (1, 1, 4)])
def test_a_folded_picture_is_warped_as_the_large_one_each_block_by_its_own_flow(
    scale: int, height: int, width: int, trains: bool
):
    torch.manual_seed(0)
    large, flow = torch.rand(2, 3, height * scale, width * scale), torch.randn(2, 2, height, width) * 3
    with torch.set_grad_enabled(trains):
        warped = F.pixel_shuffle(warp_phases(F.pixel_unshuffle(large, scale), flow, scale, gain=0.5), scale)
    y, x = np.mgrid[: height * scale, : width * scale]
    far = scale * flow.numpy().repeat(scale, 2).repeat(scale, 3)
    for item in range(2):
        for channel in range(3):
            places = [y + far[item, 1], x + far[item, 0]]
            wanted = map_coordinates(large[item, channel].numpy(), places, order=1, mode="nearest")
            assert np.abs(2 * warped[item, channel].numpy() - wanted).max() < 1e-4


def test_a_flow_that_is_no_number_reads_no_foreign_memory():
    phases, flow = torch.rand(1, 12, 4, 4), torch.full((1, 2, 4, 4), float("nan"))
    flow[..., 0] = float("inf")
    with torch.inference_mode():
        for warped in (warp_phases(phases, flow, 2), backward_warp(phases, flow)):
            assert phases.min() <= warped.min() <= warped.max() <= phases.max()
