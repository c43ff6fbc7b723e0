"""The convolution in 8 bits: two roundings, and otherwise the convolution of double precision."""

from math import isfinite

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from stvsr.inference.int8 import is_there
from stvsr.ops import machine_code
from stvsr.ops.conv_int8 import conv2d_int8, one_pass_is_there, pack

pytestmark = pytest.mark.skipif(not is_there(), reason="oneDNN's 8-bit convolution needs VNNI")


@pytest.mark.parametrize(
    ("outputs", "taps", "stride", "padding", "dilation"),
    [
        (8, (3, 3), [1, 1], [1, 1], [1, 1]),
        (24, (1, 5), [1, 2], [0, 2], [1, 1]),
        (5, (3, 3), [2, 1], [2, 2], [2, 2]),
        (16, (1, 1), [1, 1], [0, 0], [1, 1]),  # these in one pass, where the processor can
        (32, (3, 3), [1, 1], [1, 1], [1, 1]),
        (48, (1, 5), [1, 1], [0, 2], [1, 1]),
        (64, (2, 4), [1, 1], [1, 0], [1, 1]),
        (128, (3, 3), [1, 1], [2, 2], [1, 1]),
    ],
)
@pytest.mark.parametrize("shift", [-4.0, 0.0, 4.0], ids=["negative", "both", "positive"])
def test_it_is_the_convolution_of_the_rounded_numbers(outputs, taps, stride, padding, dilation, shift):
    torch.manual_seed(0)
    image, weight, bias = shift + torch.randn(2, 20, 9, 29), torch.randn(outputs, 20, *taps), torch.randn(outputs)
    ours = convolved(image, kernel=pack(weight, bias, stride, padding, dilation))
    scales = weight.abs().amax((1, 2, 3), keepdim=True) / 127
    kernels = (weight / scales).round() * scales
    true = F.conv2d(rounded(image).double(), kernels.double(), bias.double(), stride, padding, dilation)
    torch.testing.assert_close(ours.double(), true, rtol=1e-4, atol=1e-4)


def convolved(*parts: Tensor, **how) -> Tensor:
    """Without what it spans."""
    return conv2d_int8(*parts, **how)[0]


def rounded(image: Tensor) -> Tensor:
    """To 255 steps between the least and the greatest number, of which zero is one."""
    least, most = image.min().clamp(max=0), image.max().clamp(min=0)
    step = (most - least) / 255
    return ((image / step).round().clamp(min=-(-least / step).floor())) * step


@pytest.mark.parametrize("outputs", [8, 32])
def test_parts_side_by_side_are_one_image_and_relu_may_follow(outputs: int):
    torch.manual_seed(0)
    parts = [torch.randn(2, features, 6, 25) for features in (16, 1, 3)]
    kernel = pack(torch.randn(outputs, 20, 3, 3), None, [1, 1], [1, 1], [1, 1])
    whole = convolved(torch.cat(parts, 1), kernel=kernel)
    assert torch.equal(convolved(*parts, kernel=kernel), whole)
    assert torch.equal(convolved(*parts, kernel=kernel, relu=True), whole.relu())


@pytest.mark.parametrize("outputs", [8, 32])
def test_another_map_is_added_after_relu_and_what_the_sum_spans_is_true(outputs: int):
    torch.manual_seed(0)
    image, other = torch.randn(2, 16, 6, 25), torch.randn(2, outputs, 6, 25).half().float()
    kernel = pack(torch.randn(outputs, 16, 3, 3), None, [1, 1], [1, 1], [1, 1])
    ours, span = conv2d_int8(image, kernel=kernel, relu=True, plus=other)
    assert torch.equal(ours, convolved(image, kernel=kernel).relu() + other)
    assert span is None or span == (float(ours.min()), float(ours.max()))


@pytest.mark.parametrize("width", [25, 36, 40, 41, 45])  # a row may end with several pixels made at once, or few
@pytest.mark.parametrize("outputs", [8, 16, 32, 48, 64])
def test_maps_in_fp16_give_the_same_and_may_come_out_so(outputs: int, width: int):
    torch.manual_seed(0)
    image, other = torch.randn(2, 19, 6, width).half(), torch.randn(2, outputs, 6, width).half()
    kernel = pack(torch.randn(outputs, 19, 3, 3), None, [1, 1], [1, 1], [1, 1])
    whole, span = conv2d_int8(image.float(), kernel=kernel, plus=other.float())
    ours, same = conv2d_int8(image, kernel=kernel, plus=other, halves=True)
    assert torch.equal(ours.half(), whole.half())
    assert span == same
    assert torch.equal(convolved(image[:, :2], image[:, 2:].float(), kernel=kernel, plus=other), whole)


@pytest.mark.skipif(not one_pass_is_there(), reason="needs AVX-512 with VNNI")
def test_what_fp16_cannot_hold_is_not_hidden():
    kernel = pack(torch.ones(16, 16, 1, 1), None, [1, 1], [0, 0], [1, 1])
    ours, span = conv2d_int8(torch.full((1, 16, 2, 24), 5000.0), kernel=kernel, halves=True)
    assert span is not None
    assert not any(map(isfinite, span))
    assert not convolved(ours, kernel=kernel, span=span).isfinite().any()


@pytest.mark.skipif(not one_pass_is_there(), reason="needs AVX-512 with VNNI")
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_one_pass_is_the_same_however_it_is_shared_out(threads: int, monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    image = torch.randn(3, 16, 70, 310)  # more rows than are kept in the cache
    kernel = pack(torch.randn(32, 16, 3, 3), None, [1, 1], [1, 1], [1, 1])
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    ours, span = conv2d_int8(image, kernel=kernel)
    monkeypatch.setattr(machine_code, "team", lambda: None)
    theirs, same = conv2d_int8(image, kernel=kernel)
    assert torch.equal(ours, theirs)
    assert span == same == (float(ours.min()), float(ours.max()))
    monkeypatch.setattr("stvsr.ops.conv_int8.one_pass_is_there", lambda: False)
    torch.testing.assert_close(conv2d_int8(image, kernel=kernel)[0], ours, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("value", [-3.0, 0.0, 0.5])
def test_one_number_everywhere_is_kept(value: float):
    kernel = pack(torch.eye(16)[:, :, None, None], None, [1, 1], [0, 0], [1, 1])
    ours = convolved(torch.full((1, 16, 3, 3), value), kernel=kernel)
    torch.testing.assert_close(ours, torch.full((1, 16, 3, 3), value))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_a_number_is_not_hidden(value: float):
    image = torch.zeros(1, 16, 3, 24)
    image[0, 0, 0, 0] = value
    for outputs in (8, 16):
        kernel = pack(torch.ones(outputs, 16, 1, 1), None, [1, 1], [0, 0], [1, 1])
        ours, span = conv2d_int8(image, kernel=kernel, relu=True)
        assert not ours.isfinite().any()
        assert (
            not convolved(ours, kernel=pack(torch.ones(8, outputs, 1, 1), None, [1, 1], [0, 0], [1, 1]))
            .isfinite()
            .any()
        )
        assert span is None or not any(map(isfinite, span))


@given(least=st.floats(-10, 0, width=32), most=st.floats(0, 10, width=32))
def test_the_ends_of_the_range_keep_their_places(least: float, most: float):
    ends = torch.tensor([least, most])[None, None, :, None].expand(1, 16, 2, 1)
    ours = convolved(ends, kernel=pack(torch.eye(16)[:, :, None, None], None, [1, 1], [0, 0], [1, 1]))
    assert (ours - ends).abs().max() <= (most - least) / 250 + 1e-30
