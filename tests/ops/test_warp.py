"""Backward warp against SciPy's interpolation, and its two paths against each other."""

import numpy as np
import torch
from scipy.ndimage import map_coordinates

from stvsr.ops.warp import backward_warp


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


def test_the_table_path_for_inference_equals_the_differentiable_path():
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
