"""The deformable convolution on the CPU: sampling translated to machine code by Numba, products by PyTorch.

Sampling is bound by memory, so layout is everything. The image lies channels last: the features that an offset group
sees at one pixel are a vector or two. Some rows at a time are sampled into columns that stay in the cache, and one
matrix product makes outputs of them. Numba translates at the first call and keeps the result on disk where it can.

All tensors of a call are fp32, and an image has fewer than 2**31 numbers. Names as in ``deform``.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import NamedTuple, no_type_check

import torch
from einops import rearrange
from numba import float32, int32
from numpy import ndarray
from torch import Tensor

from stvsr.ops.lanes import LANES, dot, load, plus, scaled, store
from stvsr.ops.machine_code import at_once, compiled, cuts, inlined

BAND_BYTES = 3 * 2**20
"""Of the columns between sampling and product, for each thread."""
RUN = 32
"""Neighbouring outputs for which one tap is worked out together."""


class Geometry(NamedTuple):
    """Sizes of the image, and where the taps lie."""

    height: int
    width: int
    features: int
    taps_y: int
    taps_x: int
    stride: int
    padding: int
    dilation: int

    @classmethod
    def of(cls, image: Tensor, weight: Tensor, stride: int, padding: int, dilation: int) -> "Geometry":
        (height, width), (features, taps_y, taps_x) = image.shape[2:], weight.shape[1:]
        return cls(height, width, features, taps_y, taps_x, stride, padding, dilation)


class Desk(NamedTuple):
    """Where one thread works on a run of outputs: arrays of fp32 numbers, one for each output."""

    offset: ndarray
    mask: ndarray
    places: ndarray
    """Of the upper left neighbours in the flat image, int32."""
    shares: ndarray
    """Of the upper left, upper right, lower left and lower right neighbours, times the mask."""
    distances: ndarray
    """From the upper left neighbour, y before x."""
    matches: ndarray
    """The gradient times each of the four neighbours."""


def forward(
    image: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, *, stride: int, padding: int, dilation: int
) -> Tensor:
    """As ``deform_conv2d`` without bias. The result lies channels last."""
    geometry = Geometry.of(image, weight, stride, padding, dilation)
    pixels = rearrange(image, "b i h w -> b h w i").contiguous()
    kernels = rearrange(weight, "o i y x -> (y x i) o").contiguous()
    out = torch.empty(len(image), len(weight), *mask.shape[-2:], memory_format=torch.channels_last)
    results = rearrange(out, "b o h w -> b h w o")
    height = band_height(results, len(kernels))
    columns = image.new_empty(height * out.shape[3], len(kernels))
    desks = [new_desk(mask.shape[1]) for _ in range(torch.get_num_threads())]
    for item, band in bands(results, height):
        place = results[item, band.start : band.stop].view(-1, len(weight))
        inputs = flat(pixels[item]), offset[item].numpy(), mask[item].numpy()
        share_out(desks, sample, band, *inputs, flat(columns), band.start, geometry)
        torch.mm(columns[: len(place)], kernels, out=place)
    return out


def backward(
    grad: Tensor,
    image: Tensor,
    offset: Tensor,
    mask: Tensor,
    weight: Tensor,
    *,
    stride: int,
    padding: int,
    dilation: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The gradients of image (channels last), offset, mask and weight, from the result's."""
    geometry = Geometry.of(image, weight, stride, padding, dilation)
    taps_y, taps_x = weight.shape[-2:]
    groups = range(mask.shape[1] // (taps_y * taps_x))
    pixels = rearrange(image, "b i h w -> b h w i").contiguous()
    grads = rearrange(grad, "b o h w -> b h w o").contiguous()
    kernels = rearrange(weight, "o i y x -> (y x i) o").contiguous()
    of_pixels, of_kernels = torch.zeros_like(pixels), torch.zeros_like(kernels)
    of_offset, of_mask = torch.empty_like(offset), torch.empty_like(mask)
    height = band_height(grads, len(kernels))
    columns = image.new_empty(height * grads.shape[2], len(kernels))
    of_columns = torch.empty_like(columns)
    desks = [new_desk(mask.shape[1]) for _ in range(torch.get_num_threads())]
    for item, band in bands(grads, height):
        part = grads[item, band.start : band.stop].view(-1, len(weight))
        torch.mm(part, kernels.mT, out=of_columns[: len(part)])
        inputs = flat(pixels[item]), offset[item].numpy(), mask[item].numpy(), flat(of_columns)
        outputs = flat(of_pixels[item]), of_offset[item].numpy(), of_mask[item].numpy(), flat(columns)
        # each thread has groups of its own, so that no two add to the same feature
        share_out(desks, spread, groups, *inputs, *outputs, band.start, band.stop, geometry)
        of_kernels.addmm_(columns[: len(part)].mT, part)
    of_weight = rearrange(of_kernels, "(y x i) o -> o i y x", y=taps_y, x=taps_x)
    return rearrange(of_pixels, "b h w i -> b i h w"), of_offset, of_mask, of_weight


def band_height(out: Tensor, row_length: int) -> int:
    """How many rows of outputs (b h w o) have columns that fit into the cache. row_length: of a column, in numbers."""
    rows, width = out.shape[1:3]
    return min(rows, max(1, BAND_BYTES * torch.get_num_threads() // (width * row_length * out.itemsize)))


def bands(out: Tensor, height: int) -> Iterator[tuple[int, range]]:
    """The rows of each batch item, ``height`` at a time."""
    batch, rows = out.shape[:2]
    for item in range(batch):
        for first in range(0, rows, height):
            yield item, range(first, min(first + height, rows))


def share_out(desks: list[Desk], work: Callable[..., None], span: range, *arguments: object) -> None:
    """``work(first, last, desk, *arguments)`` on a part of the span at each desk."""
    parts = zip(pairwise(cuts(span, len(desks))), desks, strict=True)
    at_once([partial(work, *part, desk, *arguments) for part, desk in parts])


def new_desk(channels: int) -> Desk:
    """channels: of the mask."""
    counts = (2 * channels, channels, 1, 4, 2, 4)
    offset, mask, places, shares, distances, matches = (torch.empty(count, RUN) for count in counts)
    return Desk(*(array.numpy() for array in (offset, mask, places[0].int(), shares, distances, matches)))


def flat(tensor: Tensor) -> ndarray:
    return tensor.flatten().numpy()  # contiguous already, so this is a view


# Numba reads what follows; no_type_check keeps the tests' shape checker from wrapping it. Inner loops count from zero
# and hold nothing but fp32 and int32: anything else, and LLVM makes no vectors of them.


@compiled
@no_type_check
def sample(first, last, desk, image, offset, mask, columns, top, geometry):
    """Fill the columns (h w k i, flat, from row ``top`` on) of the rows ``first`` to ``last``."""
    taps, depth, right, down = strides(mask, geometry)
    step = taps * geometry.features
    for row in range(first, last):
        for begin in range(0, mask.shape[2], RUN):
            length = min(RUN, mask.shape[2] - begin)
            copy(offset, row, begin, length, desk.offset)
            copy(mask, row, begin, length, desk.mask)
            for n in range(mask.shape[0]):
                group, tap = divmod(n, taps)
                aim(n, tap, row, begin, length, desk, geometry)
                column = ((row - top) * mask.shape[2] + begin) * step + tap * geometry.features
                rest = group * depth + depth // LANES * LANES
                for feature in range(group * depth, rest, LANES):
                    for j in range(length):
                        upper = desk.places[j] + feature
                        lower = upper + down
                        above = plus(
                            scaled(load(image, upper, LANES), desk.shares[0, j]),
                            scaled(load(image, upper + right, LANES), desk.shares[1, j]),
                        )
                        below = plus(
                            scaled(load(image, lower, LANES), desk.shares[2, j]),
                            scaled(load(image, lower + right, LANES), desk.shares[3, j]),
                        )
                        store(columns, column + j * step + feature, plus(above, below))
                for feature in range(rest, group * depth + depth):
                    for j in range(length):
                        upper = desk.places[j] + feature
                        lower = upper + down
                        above = desk.shares[0, j] * image[upper] + desk.shares[1, j] * image[upper + right]
                        below = desk.shares[2, j] * image[lower] + desk.shares[3, j] * image[lower + right]
                        columns[column + j * step + feature] = above + below


@compiled
@no_type_check
def spread(
    first, last, desk, image, offset, mask, of_columns, of_image, of_offset, of_mask, columns, top, bottom, geometry
):
    """For the groups ``first`` to ``last``: columns, the gradients of offset and mask, and a share in the image's."""
    taps, depth, right, down = strides(mask, geometry)
    step = taps * geometry.features
    for row in range(top, bottom):
        for begin in range(0, mask.shape[2], RUN):
            length = min(RUN, mask.shape[2] - begin)
            copy(offset, row, begin, length, desk.offset)
            copy(mask, row, begin, length, desk.mask)
            for n in range(first * taps, last * taps):
                group, tap = divmod(n, taps)
                aim(n, tap, row, begin, length, desk, geometry)
                column = ((row - top) * mask.shape[2] + begin) * step + tap * geometry.features
                desk.matches[:] = 0
                rest = group * depth + depth // LANES * LANES
                for feature in range(group * depth, rest, LANES):
                    for j in range(length):
                        grad = load(of_columns, column + j * step + feature, LANES)
                        seen = scaled(grad, float32(0))
                        for corner in range(4):
                            place = desk.places[j] + feature + (corner & 1) * right + (corner >> 1) * down
                            neighbour, share = load(image, place, LANES), desk.shares[corner, j]
                            seen = plus(seen, scaled(neighbour, share))
                            desk.matches[corner, j] += dot(grad, neighbour)
                            store(of_image, place, plus(load(of_image, place, LANES), scaled(grad, share)))
                        store(columns, column + j * step + feature, seen)
                for feature in range(rest, group * depth + depth):
                    for j in range(length):
                        grad = of_columns[column + j * step + feature]
                        seen = float32(0)
                        for corner in range(4):
                            place = desk.places[j] + feature + (corner & 1) * right + (corner >> 1) * down
                            seen += image[place] * desk.shares[corner, j]
                            desk.matches[corner, j] += grad * image[place]
                            of_image[place] += grad * desk.shares[corner, j]
                        columns[column + j * step + feature] = seen
                for j in range(length):
                    y, x = desk.distances[0, j], desk.distances[1, j]
                    upper = hat(x) * desk.matches[0, j] + hat(x - float32(1)) * desk.matches[1, j]
                    lower = hat(x) * desk.matches[2, j] + hat(x - float32(1)) * desk.matches[3, j]
                    of_mask[n, row, begin + j] = hat(y) * upper + hat(y - float32(1)) * lower
                    along_y = slope(y) * upper + slope(y - float32(1)) * lower
                    upper = slope(x) * desk.matches[0, j] + slope(x - float32(1)) * desk.matches[1, j]
                    lower = slope(x) * desk.matches[2, j] + slope(x - float32(1)) * desk.matches[3, j]
                    along_x = hat(y) * upper + hat(y - float32(1)) * lower
                    of_offset[2 * n, row, begin + j] = along_y * desk.mask[n, j]
                    of_offset[2 * n + 1, row, begin + j] = along_x * desk.mask[n, j]


@inlined
@no_type_check
def strides(mask, geometry):
    """Taps, features of a group, and how far the right and the lower neighbour are in the flat image."""
    taps = geometry.taps_y * geometry.taps_x
    depth = geometry.features * taps // mask.shape[0]
    return taps, depth, geometry.features, geometry.features * geometry.width


@inlined
@no_type_check
def copy(source, row, begin, length, target):
    """A run of all channels, in the order in which they lie in memory."""
    if source.strides[0] < source.strides[2]:
        for j in range(length):
            for n in range(source.shape[0]):
                target[n, j] = source[n, row, begin + j]
    else:
        for n in range(source.shape[0]):
            run, copied = source[n, row, begin : begin + length], target[n]
            for j in range(length):
                copied[j] = run[j]


@inlined
@no_type_check
def aim(n, tap, row, begin, length, desk, geometry):
    """Places, shares and distances of the neighbours that mask channel ``n`` looks at."""
    tap_y, tap_x = divmod(tap, geometry.taps_x)
    start_y = float32(row * geometry.stride + tap_y * geometry.dilation - geometry.padding)
    start_x = float32(begin * geometry.stride + tap_x * geometry.dilation - geometry.padding)
    stride, last_y, last_x = float32(geometry.stride), float32(geometry.height - 2), float32(geometry.width - 2)
    pixel, line = int32(geometry.features), int32(geometry.features * geometry.width)
    for j in range(length):
        y = start_y + desk.offset[2 * n, j]
        x = start_x + float32(int32(j)) * stride + desk.offset[2 * n + 1, j]
        upper, left = corner_of(y, last_y), corner_of(x, last_x)
        y -= float32(upper)
        x -= float32(left)
        share_0, share_1 = hat(y) * desk.mask[n, j], hat(y - float32(1)) * desk.mask[n, j]
        desk.places[j] = upper * line + left * pixel
        desk.shares[0, j] = share_0 * hat(x)
        desk.shares[1, j] = share_0 * hat(x - float32(1))
        desk.shares[2, j] = share_1 * hat(x)
        desk.shares[3, j] = share_1 * hat(x - float32(1))
        desk.distances[0, j] = y
        desk.distances[1, j] = x


@inlined
@no_type_check
def corner_of(position, last):
    """The first of the two pixels beside a position, kept inside the image; 0 for a position that is no number."""
    position = position if position < last else last
    return int32(position if position > float32(0) else float32(0))


@inlined
@no_type_check
def hat(distance):
    """A pixel's share in what is seen at a distance from it: bilinear sampling."""
    share = float32(1) - abs(distance)
    return float32(0) if share < float32(0) else share


@inlined
@no_type_check
def slope(distance):
    """The derivative of ``hat``; at its corners the one to the right."""
    inside = float32(1) if float32(-1) <= distance < float32(1) else float32(0)
    return -inside if distance >= float32(0) else inside
