"""The convolution in whole numbers of 8 bits on the CPU: where the processor multiplies four of them at once (VNNI),
two to four times as fast as in fp32.

Kernels are rounded once, each output feature by its own largest weight. The input is rounded at every call, by the
range that it has then: nothing needs to be calibrated, and nothing is cut off. Products are added up exactly, so only
the two roundings stand between this and ``conv2d``. With AVX-512 one pass of our own does it all
(``stvsr.ops.conv_vnni``); elsewhere, and for shapes that it does not take, oneDNN computes, which comes with PyTorch
for x86.
"""

import os
from collections.abc import Sequence
from ctypes import addressof, c_char
from dataclasses import dataclass
from functools import cache, cached_property
from math import inf, isfinite, isnan, nan
from sys import byteorder
from typing import no_type_check

import torch
from einops import rearrange
from jaxtyping import Float, Int8, Int32
from llvmlite.binding import get_host_cpu_features
from numba import float32, int32, int64
from torch import Tensor
from torch.nn import functional as F

from stvsr.ops.conv_vnni import BAND_BYTES, LANES, MOST_BLOCKS, MOST_PARTS, PACKED, pixels_at_once, share
from stvsr.ops.machine_code import FP32, UINT8, OverMemory, by_threads

LEVELS = 255
"""Steps between the least and the greatest number of an input."""
Span = tuple[float, float]
"""The least and the greatest number of a map."""


@dataclass(frozen=True, eq=False)
class PackedKernel:
    """A convolution's weight in whole numbers, and what goes with it."""

    rounded: Int8[Tensor, "o i y x"]
    scales: Float[Tensor, " o"]
    """What one step of each output's weights is worth."""
    bias: Float[Tensor, " o"]
    stride: list[int]
    padding: list[int]
    dilation: list[int]

    @cached_property
    def for_onednn(self) -> tuple[Tensor, Tensor]:
        """The weight as oneDNN wants it, and the zeros of its outputs."""
        around = self.stride, self.padding, self.dilation
        packed = torch.ops.onednn.qconv_prepack(self.rounded, self.scales, 1.0, 0, *around, 1, None)
        return packed, torch.zeros(len(self.rounded), dtype=torch.long)

    @cached_property
    def blocks(self) -> int:
        """How many registers of outputs are made at a time in one pass; 0: oneDNN makes them."""
        registers, rest = divmod(len(self.rounded), LANES)
        plain = self.stride == self.dilation == [1, 1]
        return next(count for count in range(MOST_BLOCKS, 0, -1) if registers % count == 0) if plain and not rest else 0

    @cached_property
    def margins(self) -> list[int]:
        """By how much an output is higher and wider than its input."""
        taps = self.rounded.shape[2:]
        return [2 * p - d * (t - 1) for p, d, t in zip(self.padding, self.dilation, taps, strict=True)]

    @cached_property
    def in_fours(self) -> tuple[Int8[Tensor, " _"], Int32[Tensor, " o"]]:
        """The weight in the order in which one pass reads it; the sum of each output's weights."""
        filled = F.pad(self.rounded, (0, 0, 0, 0, 0, -self.rounded.shape[1] % 4))
        order = "(g o) (i four) y x -> (g y x i o four)"
        weight = rearrange(filled, order, o=self.blocks * LANES, four=4).contiguous()
        return weight, self.rounded.sum((1, 2, 3), dtype=torch.int32)

    @cached_property
    def geometry(self) -> tuple[int, ...]:
        """As a JOB wants it: depth, taps and padding."""
        _, depth, *taps = self.rounded.shape
        return depth + -depth % 4, *taps, *self.padding

    @cached_property
    def places(self) -> tuple[int, ...]:
        """As a JOB wants them: the addresses of all that is the same at every call."""
        return tuple(held.data_ptr() for held in (*self.in_fours, self.scales, self.bias))


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
    bias = torch.zeros(len(weight)) if bias is None else bias.detach().float()
    return PackedKernel(rounded, scales, bias, stride, padding, dilation)


def conv2d_int8(
    *parts: Float[Tensor, "n _ h w"],
    kernel: PackedKernel,
    relu: bool = False,
    plus: Float[Tensor, "n o h2 w2"] | None = None,
    span: Span | None = None,
    halves: bool = False,
) -> tuple[Float[Tensor, "n o h2 w2"], Span | None]:
    """As ``conv2d`` without groups, forward only, of the parts side by side; then ``relu``, then plus another map. And
    what its numbers span, where that came for nothing. All lie channels last. span: of the parts, where it is known.
    halves: the result may be in fp16, as it is rounded to 8 bits anyway; so may the parts be, and the other map."""
    kind = parts[0].dtype if len({part.dtype for part in parts}) == 1 else torch.float32
    parts = tuple(part.to(kind).contiguous(memory_format=torch.channels_last) for part in parts)
    dtype = torch.float16 if halves else torch.float32
    step, zero = step_of(span or span_of(parts))
    height, width = (side + more for side, more in zip(parts[0].shape[2:], kernel.margins, strict=True))
    if isnan(step):  # ReLU would make zero of it
        return torch.full((len(parts[0]), len(kernel.rounded), height, width), nan, dtype=dtype), (nan, nan)
    plain = kernel.blocks and len(parts[0]) > 0 and len(parts) <= MOST_PARTS and one_pass_is_there()
    if plain and width >= pixels_at_once(kernel.blocks):
        return in_one_pass(parts, kernel, step, zero, relu, plus, (height, width), dtype)
    out = by_onednn([part.float() for part in parts], kernel, step, zero, relu)
    return out if plus is None else out.add_(plus), None


def in_one_pass(
    parts: Sequence[Tensor], kernel: PackedKernel, step: float, zero: int, relu: bool, plus, sides, dtype: torch.dtype
) -> tuple[Float[Tensor, "n o h2 w2"], Span]:
    """By ``stvsr.ops.conv_vnni``."""
    count, _, height, width = parts[0].shape
    outputs = len(kernel.rounded)
    out = torch.empty(count, outputs, *sides, dtype=dtype, memory_format=torch.channels_last)
    plus = torch.zeros(outputs) if plus is None else plus.contiguous(memory_format=torch.channels_last)
    plus = plus.half()  # where it comes from such a convolution it is in fp16 already
    threads = torch.get_num_threads()
    bands = min(2 * threads, count * sides[0]) if threads > 1 else 1  # two each, so that who is late gets less
    line = (width + 2 * kernel.padding[1]) * kernel.geometry[0]
    kept = max(BAND_BYTES // line, kernel.geometry[1])
    ends, desks = torch.empty(threads, 2, LANES), torch.empty(threads * kept * line, dtype=torch.uint8)
    filled = (0,) * (MOST_PARTS - len(parts))
    job = bytearray(
        PACKED.pack(
            *(0, 0, bands, count * sides[0], height, width, *kernel.geometry),
            *(zero, outputs // (kernel.blocks * LANES), kernel.blocks, pixels_at_once(kernel.blocks)),
            *(kept, *kernel.places),
            *(plus.data_ptr(), 2 * outputs if plus.dim() == 4 else 0),
            *(out.data_ptr(), ends.data_ptr(), desks.data_ptr(), parts[0].itemsize, out.itemsize),
            *(step, 1 / step, 0 if relu else -inf, len(parts)),
            *(part.data_ptr() for part in parts),
            *filled,
            *(part.shape[1] for part in parts),
            *filled,
        )
    )
    by_threads(share, addressof(c_char.from_buffer(job)), threads)
    seated, held = int.from_bytes(job[8:16], byteorder), torch.finfo(dtype).max
    lows, highs = zip(*ends[:seated].tolist(), strict=True)
    least, most = min(map(min, lows)), max(map(max, highs))
    return out, (least, most) if -held < least and most < held else (nan, nan)


def by_onednn(parts, kernel: PackedKernel, step: float, zero: int, relu: bool) -> Float[Tensor, "n o h2 w2"]:
    """By PyTorch's own."""
    count, _, height, width = parts[0].shape
    total, first = sum(part.shape[1] for part in parts), 0
    steps = torch.empty(count, total, height, width, dtype=torch.uint8, memory_format=torch.channels_last)
    for part in parts:
        to_steps(part, part.numel(), part.shape[1], 1 / step, zero + 0.5, steps, first, total)
        first += part.shape[1]
    weight, zeros = kernel.for_onednn
    return torch.ops.onednn.qconv2d_pointwise(
        *(steps, step, zero, weight, kernel.scales, zeros, kernel.bias),
        *(kernel.stride, kernel.padding, kernel.dilation, 1),
        *(1.0, 0, torch.float32, "relu" if relu else "none", [], ""),
    )


def span_of(parts: tuple[Tensor, ...]) -> Span:
    """The least and the greatest number of all parts."""
    flat = [part.permute(0, 2, 3, 1).view(-1) for part in parts if part.numel()]  # as it lies, or it would be copied
    ends = [float(end) for part in flat for end in torch.aminmax(part)] or [0.0]
    return (min(ends), max(ends)) if all(map(isfinite, ends)) else (nan, nan)


def step_of(span: Span) -> tuple[float, int]:
    """What one step is worth, and which one is zero: the border is filled with it."""
    if not all(map(isfinite, span)):
        return nan, 0  # so that nothing of the result is a number either, and whoever looks can see it
    least, most = min(0.0, span[0]), max(0.0, span[1])
    step = max((most - least) / LEVELS, 1e-30)
    return step, int(-least / step)  # rounded down: one more, and the greatest number has no step


@cache
def one_pass_is_there() -> bool:
    """Whether the processor has the instructions, and Numba translates for this processor."""
    own = not os.environ.get("NUMBA_CPU_NAME") and not os.environ.get("NUMBA_CPU_FEATURES")
    return own and bool(get_host_cpu_features().get("avx512vnni"))


@OverMemory
@no_type_check
def to_steps(
    numbers: FP32, count: int64, width: int64, scale: float32, shift: float32, steps: UINT8, first: int64, total: int64
):
    """Round so many numbers (pixels x width, flat) to steps (pixels x total, flat), from the column ``first`` on."""
    for pixel in range(count // width):
        for feature in range(width):
            steps[pixel * total + first + feature] = int32(numbers[pixel * width + feature] * scale + shift)
