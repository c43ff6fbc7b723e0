"""The deformable convolution on a GPU: one Triton kernel samples and multiplies, so that columns never reach memory.

Each program makes a block of outputs. For every tap and a few offset groups at a time it works out where to look, reads
the four neighbours of all their features (channels last: neighbouring threads read neighbouring numbers), and hands the
blend to the matrix units. Runs in Triton's interpreter too, without a GPU. Names as in ``deform``.
"""

from typing import no_type_check

import torch
import triton  # pyright: ignore[reportMissingImports] (comes with PyTorch for GPUs)
import triton.language as tl  # pyright: ignore[reportMissingImports]
from einops import rearrange
from torch import Tensor

BLOCK = 64
"""Outputs of one program."""
FEATURES = 64
"""Features sampled at once, at most."""


def forward(
    image: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, *, stride: int, padding: int, dilation: int
) -> Tensor:
    """As ``deform_conv2d`` without bias, products in the image's type, sums in fp32. The result lies channels last."""
    (batch, features, height, width), (outputs, _, taps_y, taps_x) = image.shape, weight.shape
    rows, columns = mask.shape[2:]
    groups = mask.shape[1] // (taps_y * taps_x)
    pixels = rearrange(image, "b i h w -> b h w i").contiguous()
    kernels = rearrange(weight.to(image.dtype), "o i y x -> (y x i) o").contiguous()
    out = torch.empty(
        (batch, outputs, rows, columns), dtype=image.dtype, device=image.device, memory_format=torch.channels_last
    )
    depth = features // groups
    depth_block = min(triton.next_power_of_2(depth), FEATURES)
    group_block = min(triton.next_power_of_2(groups), FEATURES // depth_block)
    out_block = min(max(triton.next_power_of_2(outputs), 16), 128)
    programs = triton.cdiv(rows * columns, BLOCK), triton.cdiv(outputs, out_block), batch
    sample_and_multiply[programs](  # pyright: ignore[reportIndexIssue]
        pixels,
        offset,
        mask,
        kernels,
        out,
        *offset.stride(),
        *mask.stride(),
        height,
        width,
        rows,
        columns,
        stride,
        padding,
        dilation,
        FEATURES_IN=features,
        FEATURES_OUT=outputs,
        GROUPS=groups,
        TAPS_Y=taps_y,
        TAPS_X=taps_x,
        BLOCK=BLOCK,
        # the matrix units take at least 16 numbers at a time
        GROUP_BLOCK=max(group_block, 16 // depth_block),
        DEPTH_BLOCK=depth_block,
        OUT_BLOCK=out_block,
        num_stages=1,  # reading ahead would take more shared memory than small GPUs have
        PRECISION="tf32" if torch.backends.cudnn.allow_tf32 else "ieee",  # as plain convolutions do
    )
    return out


@triton.jit
@no_type_check  # Triton reads the source: the tests' shape checker must not wrap it
def sample_and_multiply(
    image,
    offset,
    mask,
    weight,
    out,
    offset_b,
    offset_n,
    offset_y,
    offset_x,
    mask_b,
    mask_n,
    mask_y,
    mask_x,
    height,
    width,
    rows,
    columns,
    stride,
    padding,
    dilation,
    FEATURES_IN: tl.constexpr,
    FEATURES_OUT: tl.constexpr,
    GROUPS: tl.constexpr,
    TAPS_Y: tl.constexpr,
    TAPS_X: tl.constexpr,
    BLOCK: tl.constexpr,
    GROUP_BLOCK: tl.constexpr,
    DEPTH_BLOCK: tl.constexpr,
    OUT_BLOCK: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """image: b h w i; offset, mask: by their strides; weight: k i o; out: b H W o."""
    DEPTH: tl.constexpr = FEATURES_IN // GROUPS
    TAPS: tl.constexpr = TAPS_Y * TAPS_X
    item = tl.program_id(2).to(tl.int64)
    index = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row, column = index // columns, index % columns
    here = index < rows * columns
    outputs = tl.program_id(1) * OUT_BLOCK + tl.arange(0, OUT_BLOCK)
    offset_at = offset + item * offset_b + row[:, None] * offset_y + column[:, None] * offset_x
    mask_at = mask + item * mask_b + row[:, None] * mask_y + column[:, None] * mask_x
    total = tl.zeros((BLOCK, OUT_BLOCK), tl.float32)
    for tap in range(TAPS):
        start_y = (row * stride - padding + tap // TAPS_X * dilation).to(tl.float32)
        start_x = (column * stride - padding + tap % TAPS_X * dilation).to(tl.float32)
        for first_group in range(0, GROUPS, GROUP_BLOCK):
            group = first_group + tl.arange(0, GROUP_BLOCK)
            channel = (group * TAPS + tap)[None, :]
            wanted = here[:, None] & (group < GROUPS)[None, :]
            y = start_y[:, None] + tl.load(offset_at + 2 * channel * offset_n, wanted, 0.0).to(tl.float32)
            x = start_x[:, None] + tl.load(offset_at + (2 * channel + 1) * offset_n, wanted, 0.0).to(tl.float32)
            share = tl.load(mask_at + channel * mask_n, wanted, 0.0).to(tl.float32)
            upper, left = tl.floor(y), tl.floor(x)
            for first_depth in range(0, DEPTH, DEPTH_BLOCK):
                depth = first_depth + tl.arange(0, DEPTH_BLOCK)
                feature = group[:, None] * DEPTH + depth[None, :]
                there = (group < GROUPS)[:, None] & (depth < DEPTH)[None, :]
                seen = tl.zeros((BLOCK, GROUP_BLOCK, DEPTH_BLOCK), tl.float32)
                for corner in tl.static_range(4):
                    corner_y, corner_x = upper + corner // 2, left + corner % 2
                    near = share * (1 - tl.abs(y - corner_y)) * (1 - tl.abs(x - corner_x))
                    inside = (corner_y >= 0) & (corner_y < height) & (corner_x >= 0) & (corner_x < width) & wanted
                    pixel = (item * height + corner_y.to(tl.int32)) * width + corner_x.to(tl.int32)
                    neighbour = tl.load(
                        image + pixel[:, :, None] * FEATURES_IN + feature[None, :, :],
                        inside[:, :, None] & there[None, :, :],
                        0.0,
                    )
                    seen += neighbour.to(tl.float32) * near[:, :, None]
                seen = tl.reshape(seen, (BLOCK, GROUP_BLOCK * DEPTH_BLOCK)).to(weight.dtype.element_ty)
                feature = tl.reshape(feature, (GROUP_BLOCK * DEPTH_BLOCK,))
                there = tl.reshape(there, (GROUP_BLOCK * DEPTH_BLOCK,))
                kernel = tl.load(
                    weight + (tap * FEATURES_IN + feature)[:, None] * FEATURES_OUT + outputs[None, :],
                    there[:, None] & (outputs < FEATURES_OUT)[None, :],
                    0.0,
                )
                total = tl.dot(seen, kernel, total, input_precision=PRECISION)
    place = (item * rows * columns + index)[:, None] * FEATURES_OUT + outputs[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty), here[:, None] & (outputs < FEATURES_OUT)[None, :])
