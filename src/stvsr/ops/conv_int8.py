"""The convolution in whole numbers of 8 bits on the CPU: where the processor multiplies four of them at once (VNNI),
two to four times as fast as in fp32.

Kernels are rounded once, each output feature by its own largest weight. The input is rounded at every call, by the
range that it has then: nothing needs to be calibrated, and nothing is cut off. Products are added up exactly, so only
the two roundings stand between this and ``conv2d``. oneDNN computes; it comes with PyTorch for x86.
"""

from math import isfinite, nan
from typing import NamedTuple, no_type_check

import torch
from einops import rearrange
from jaxtyping import Float
from numba import float32, int32
from torch import Tensor

from stvsr.ops.machine_code import compiled

LEVELS = 255
"""Steps between the least and the greatest number of an input."""


class PackedKernel(NamedTuple):
    """A convolution's weight as oneDNN wants it, and what goes with it."""

    weight: Tensor
    scales: Tensor
    """Of each output feature: what one step of its weights is worth."""
    zeros: Tensor
    bias: Tensor | None
    stride: list[int]
    padding: list[int]
    dilation: list[int]


def pack(
    weight: Float[Tensor, "o i y x"],
    bias: Float[Tensor, " o"] | None,
    stride: list[int],
    padding: list[int],
    dilation: list[int],
) -> PackedKernel:
    """Round a kernel to 8 bits. stride, padding, dilation: in y and in x."""
    weight = weight.detach().float()
    scales = weight.abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
    rounded = (weight / scales[:, None, None, None]).round().to(torch.int8)
    around = stride, padding, dilation
    packed = torch.ops.onednn.qconv_prepack(rounded, scales, 1.0, 0, *around, 1, None)
    zeros, bias = torch.zeros(len(weight), dtype=torch.long), None if bias is None else bias.detach()
    return PackedKernel(packed, scales, zeros, bias, *around)


def conv2d_int8(
    *parts: Float[Tensor, "n _ h w"], kernel: PackedKernel, relu: bool = False
) -> Float[Tensor, "n o h2 w2"]:
    """As ``conv2d`` without groups, forward only, of the parts side by side; then ``relu``. All lie channels last."""
    pixels = [rearrange(part, "n i h w -> (n h w) i").contiguous() for part in parts]
    step, zero = range_of(pixels)
    total, first = sum(part.shape[1] for part in pixels), 0
    steps = torch.empty(len(pixels[0]), total, dtype=torch.uint8)
    for part in pixels:
        to_steps(part.view(-1).numpy(), part.shape[1], 1 / step, zero + 0.5, steps.view(-1).numpy(), first, total)
        first += part.shape[1]
    count, _, height, width = parts[0].shape
    return torch.ops.onednn.qconv2d_pointwise(
        rearrange(steps, "(n h w) i -> n i h w", n=count, h=height, w=width),
        *(step, zero, kernel.weight, kernel.scales, kernel.zeros, kernel.bias),
        *(kernel.stride, kernel.padding, kernel.dilation, 1),
        *(1.0, 0, torch.float32, "relu" if relu else "none", [], ""),
    )


def range_of(pixels: list[Float[Tensor, "n _"]]) -> tuple[float, int]:
    """What one step is worth, and which one is zero: the border is filled with it."""
    ends = [float(end) for part in pixels if part.numel() for end in torch.aminmax(part.view(-1))]
    if not all(map(isfinite, ends)):
        return nan, 0  # so that nothing of the result is a number either, and whoever looks can see it
    least, most = min([0.0, *ends]), max([0.0, *ends])
    step = max((most - least) / LEVELS, 1e-30)
    return step, int(-least / step)  # rounded down: one more, and the greatest number has no step


@compiled
@no_type_check
def to_steps(numbers, width, scale, shift, steps, first, total):
    """Round numbers (pixels x width, flat, fp32) to steps (pixels x total, flat), from the column ``first`` on."""
    scale, shift = float32(scale), float32(shift)
    for pixel in range(numbers.size // width):
        row = numbers[pixel * width : (pixel + 1) * width]
        out = steps[pixel * total + first : pixel * total + first + width]
        for feature in range(width):
            out[feature] = int32(row[feature] * scale + shift)
