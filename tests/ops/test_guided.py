"""Guided up-sampling against its definition in NumPy, and against the plain transposed convolution."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from stvsr.ops.guided import guided_upsample


def by_definition(
    image: np.ndarray, guide: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int
) -> np.ndarray:
    """One image: every input pixel is stamped onto the output, tap by tap."""
    features, height, width = image.shape
    side = weight.shape[-1]
    padding = (side - stride + 1) // 2
    out = np.zeros((weight.shape[1], stride * height, stride * width)) + bias[:, None, None]
    for y, x, u, v in np.ndindex(height, width, side, side):
        to_y, to_x = stride * y + u - padding, stride * x + v - padding
        if 0 <= to_y < stride * height and 0 <= to_x < stride * width:
            difference = guide[:, to_y, to_x] - guide[:, stride * y, stride * x]
            alike = np.exp(-(difference**2).sum() / 2)
            for feature in range(features):
                out[:, to_y, to_x] += alike * weight[feature, :, u, v] * image[feature, y, x]
    return out


@pytest.mark.parametrize(("side", "stride"), [(5, 2), (4, 2), (3, 2), (5, 4), (2, 2), (5, 1), (7, 3)])
def test_it_equals_its_definition(side: int, stride: int):
    torch.manual_seed(0)
    image, guide = torch.randn(2, 3, 4, 5).double(), torch.randn(2, 2, 4 * stride, 5 * stride).double()
    weight, bias = torch.randn(3, 4, side, side).double(), torch.randn(4).double()
    ours = guided_upsample(image, guide, weight, bias, stride=stride).numpy()
    for item in range(2):
        true = by_definition(image[item].numpy(), guide[item].numpy(), weight.numpy(), bias.numpy(), stride)
        assert np.abs(ours[item] - true).max() < 1e-12


@pytest.mark.parametrize(("side", "stride"), [(5, 2), (4, 2), (3, 2), (5, 4), (5, 1)])
def test_where_the_guide_is_the_same_everywhere_it_is_the_transposed_convolution(side: int, stride: int):
    torch.manual_seed(0)
    image, weight, bias = torch.randn(2, 3, 6, 7), torch.randn(3, 4, side, side), torch.randn(4)
    padding = (side - stride + 1) // 2
    output_padding = stride + 2 * padding - side
    plain = F.conv_transpose2d(image, weight, bias, stride=stride, padding=padding, output_padding=output_padding)
    ours = guided_upsample(image, torch.full((2, 2, 6 * stride, 7 * stride), 0.3), weight, bias, stride=stride)
    assert torch.allclose(ours, plain, atol=1e-5)


def test_nothing_flows_across_an_edge_of_the_guide():
    """Left of the edge zeros, right of it ones: the enlarged image keeps the step exactly where the guide has it."""
    image, guide = torch.zeros(1, 1, 4, 4), torch.zeros(1, 1, 8, 8)
    image[..., 2:], guide[..., 4:] = 1.0, 100.0
    enlarged = guided_upsample(image, guide, torch.ones(1, 1, 5, 5))
    assert not enlarged[..., :4].any()
    assert (enlarged[..., 4:] > 0).all()


def test_gradients_of_all_inputs_are_right():
    torch.manual_seed(0)
    image, guide = torch.randn(1, 2, 3, 2).double(), torch.randn(1, 2, 6, 4).double()
    weight, bias = torch.randn(2, 2, 5, 5).double(), torch.randn(2).double()
    inputs = tuple(tensor.requires_grad_() for tensor in (image, guide, weight, bias))
    assert torch.autograd.gradcheck(guided_upsample, inputs)


def test_half_precision_is_close_and_shapes_are_known_without_numbers():
    torch.manual_seed(0)
    image, guide, weight = torch.randn(2, 8, 6, 6), torch.randn(2, 4, 12, 12), torch.randn(8, 8, 5, 5)
    exact = guided_upsample(image, guide, weight)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = guided_upsample(image, guide, weight)
    assert (coarse.float() - exact).norm() / exact.norm() < 1e-2
    assert guided_upsample(image.to("meta"), guide.to("meta"), weight.to("meta")).shape == exact.shape
