"""The convolution in 8 bits as one pass over the rows, for processors with AVX-512 and VNNI.

    rows of the input ── rounded to steps, a few rows at a time, and kept in the cache
    steps ── four products at a time, summed up exactly in registers: some pixels times some features of the output
    sums ── scaled, bias, ReLU, the map that is added, and the least and greatest number ── rows of the output

Maps lie in fp32, or where they go from one such convolution to the next in fp16, which is half as much to move. oneDNN
multiplies as fast. What this saves are passes over whole maps: for the range, the steps and the sum of two maps.
Numba has no words for these instructions, so two functions are given to it in LLVM's own language. They take addresses
in bytes, and nothing is checked.
"""

# ruff: noqa: ARG001 (Numba gives every builder the same arguments)

from struct import Struct
from typing import no_type_check

import numpy as np
from llvmlite import ir
from numba import float32, from_dtype
from numba.core import cgutils, types
from numba.core.types import CPointer
from numba.extending import intrinsic

from stvsr.ops.machine_code import OverMemory, inlined

LANES = 16
"""Sums in a register."""
REGISTERS = 24
"""For the sums; the other eight hold weights and steps."""
MOST_BLOCKS = 4
"""Of LANES features, made at once."""
BAND_BYTES = 1 << 18
"""Steps that are kept at a time: a part of the processor's second cache."""
NUMBER, BYTE, PLACE = ir.IntType(32), ir.IntType(8), ir.IntType(64)
NUMBERS = ir.VectorType(NUMBER, LANES)
FLOAT, HALF = ir.FloatType(), ir.HalfType()
FLOATS, HALVES = ir.VectorType(FLOAT, LANES), ir.VectorType(HALF, LANES)
SIZE = {FLOAT: 4, HALF: 2}
"""Bytes."""
MOST_PARTS = 16
TAPS, MADE = ("taps_y", "taps_x", "pad_y", "pad_x"), ("groups", "blocks", "pixels")
COUNTS = "taken", "seated", "bands", "rows", "height", "width", "depth", *TAPS, "zero", *MADE, "kept"
ADDRESSES = "weight", "sums", "scales", "biases", "plus", "plus_step", "out", "ends", "desks"
SIZES = "size", "out_size"
JOB = np.dtype(
    [(name, np.int64) for name in (*COUNTS, *ADDRESSES, *SIZES)]
    + [("step", np.float32), ("scale", np.float32), ("floor", np.float32), ("parts", np.int64)]
    + [("places", np.int64, MOST_PARTS), ("widths", np.int64, MOST_PARTS)],
    align=True,
)
"""What threads that share a convolution are told. taken: so many bands are taken; seated: so many threads have come.
rows: of the output, counted through all items. depth: of all parts together, a multiple of four. zero: the step that is
zero. groups: of outputs made at a time, each of so many blocks of LANES features, for so many pixels. kept: rows of
steps at a time. plus: fp16. ends: room for each thread's least and greatest numbers, of each lane; desks: and for its
steps. size, out_size: bytes of a number of the parts and of the output: 4, fp32, or 2, fp16. step: what one is worth;
scale: steps in one. floor: what is less becomes this. parts: how many, channels last; places and widths: of each the
address and the depth."""
PACKED = Struct(f"{len(COUNTS + ADDRESSES + SIZES)}q3f{1 + 2 * MOST_PARTS}q")
"""The same, for a tuple: NumPy would take three times as long over it."""


@inlined
@no_type_check
def round_row(job, item, y, to, shift):
    """A row of the input to steps, all parts side by side, between its borders. Outside, all is zero."""
    around, line = job.pad_x * job.depth, (job.width + 2 * job.pad_x) * job.depth
    if y < 0 or y >= job.height:
        fill(to, line, job.zero)
        return
    fill(to, around, job.zero)
    fill(to + line - around, around, job.zero)
    to += around
    for part in range(job.parts):
        wide = job.widths[part]
        source = job.places[part] + (item * job.height + y) * job.width * wide * job.size
        times, count = (1, job.width * wide) if wide == job.depth else (job.width, wide)
        for column in range(times):
            round_numbers(job.size, source + column * wide * job.size, to + column * job.depth, count, job.scale, shift)
        to += wide


def pixels_at_once(blocks: int) -> int:
    """How many are made at once, of so many blocks of LANES features: no row may be shorter. Twelve sums at a time are
    enough to keep the multipliers busy."""
    return REGISTERS // max(blocks, 2)


REST_BLOCKS, REST_PIXELS = 2, 4
"""What is made at once at the end of a row, where so many blocks would be made for the most pixels in vain."""
SHAPES = [(REST_BLOCKS, REST_PIXELS), *((blocks, pixels_at_once(blocks)) for blocks in range(1, MOST_BLOCKS + 1))]


@OverMemory
@no_type_check
def share(told: CPointer(from_dtype(JOB))):
    """What every thread calls: the bands that this one is the first to take. Not every processor could."""
    job = at(told)
    line = (job.width + 2 * job.pad_x) * job.depth
    out_height, out_width = job.height + 2 * job.pad_y - job.taps_y + 1, line // job.depth - job.taps_x + 1
    features = job.groups * job.blocks * LANES
    most, seat = job.kept - job.taps_y + 1, take(told, 1)
    steps, span = job.desks + seat * job.kept * line, job.ends + seat * 8 * LANES
    for lane in range(LANES):
        put(span + 4 * lane, np.inf)
        put(span + 4 * (LANES + lane), -np.inf)
    shift = float32(job.zero) + float32(0.5)
    while True:
        band = take(told, 0)
        if band >= job.bands:
            break
        row, last = job.rows * band // job.bands, job.rows * (band + 1) // job.bands
        while row < last:
            item, top = row // out_height, row % out_height
            count = last - row if last - row < most else most
            count = count if count < out_height - top else out_height - top
            for i in range(count + job.taps_y - 1):
                round_row(job, item, top + i - job.pad_y, steps + i * line, shift)
            for made in range(count * job.groups):
                i, feature = made // job.groups, made % job.groups * job.blocks * LANES
                column = 0
                while column < out_width:
                    few = job.blocks == REST_BLOCKS and out_width - column <= 2 * REST_PIXELS
                    at_once = REST_PIXELS if few else job.pixels
                    here = column if column < out_width - at_once else out_width - at_once  # some are made twice
                    pixel = (row + i) * out_width + here
                    multiply(
                        0 if few else job.blocks,
                        steps + i * line + here * job.depth, line, job.depth,
                        job.taps_y, job.taps_x * job.depth // 4,
                        job.weight + feature * job.taps_y * job.taps_x * job.depth,
                        job.sums + feature * 4, job.zero,
                        job.scales + feature * 4, job.biases + feature * 4, job.step, job.floor,
                        job.plus + pixel * job.plus_step + feature * 2, job.plus_step,
                        job.out + (pixel * features + feature) * job.out_size, features * job.out_size, job.out_size,
                        span,
                    )  # fmt: skip
                    column += at_once
            row += count


@intrinsic
@no_type_check
def at(typing, told):
    """The JOB that lies there."""

    def build(context, builder, signature, args):
        return builder.bitcast(args[0], context.get_value_type(told.dtype))

    return told.dtype(told), build


@intrinsic
@no_type_check
def take(typing, told, which):
    """The first (0) or another number of a JOB, which is one more for the next who asks."""

    def build(context, builder, signature, args):
        numbers = builder.bitcast(args[0], PLACE.as_pointer())
        return builder.atomic_rmw("add", builder.gep(numbers, [args[1]]), place(1), "seq_cst")

    return types.int64(told, types.int64), build


@intrinsic
@no_type_check
def fill(typing, address, count, number):
    """So many bytes, all this number."""

    def build(context, builder, signature, args):
        address, count, number = args
        byte = builder.trunc(number, BYTE)
        with cgutils.for_range(builder, count) as loop:
            store(builder, byte, builder.add(address, loop.index))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), build


@intrinsic
@no_type_check
def put(typing, address, number):
    """Write an fp32 number."""

    def build(context, builder, signature, args):
        store(builder, args[1], args[0])
        return context.get_dummy_value()

    return types.void(types.int64, types.float32), build


@intrinsic
@no_type_check
def round_numbers(typing, size, source, target, count, scale, shift):
    """So many numbers of this size to steps of 8 bits."""

    def build(context, builder, signature, args):
        size, *args = args
        with builder.if_else(builder.icmp_signed("==", size, place(4))) as (fp32, fp16):
            with fp32:
                rounded(builder, FLOAT, *args)
            with fp16:
                rounded(builder, HALF, *args)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(whole, whole, whole, whole, types.float32, types.float32), build


def rounded(builder, kind, source, target, count, scale, shift) -> None:
    """``round_numbers`` of this kind."""
    whole = builder.and_(count, place(-LANES))
    for lanes, first, last in ((LANES, place(0), whole), (1, whole, count)):
        many = lanes > 1
        with cgutils.for_range_slice(builder, first, last, place(lanes), intp=PLACE) as (index, _):
            at = builder.add(source, builder.mul(index, place(SIZE[kind])))
            numbers = load(builder, at, ir.VectorType(kind, LANES) if many else kind)
            if kind is HALF:
                numbers = builder.fpext(numbers, FLOATS if many else FLOAT)
            factor, more = (spread(builder, scale), spread(builder, shift)) if many else (scale, shift)
            stepped = builder.fptosi(scaled(builder, numbers, factor, more), NUMBERS if many else NUMBER)
            stepped = builder.trunc(stepped, ir.VectorType(BYTE, LANES) if many else BYTE)
            store(builder, stepped, builder.add(target, index))


@intrinsic
@no_type_check
def multiply(
    typing, shape, line, line_step, pixel_step, lines, fours, weight, sums, zero, scales, biases, step, floor,
    plus, plus_step, out, out_step, out_size, ends,
):  # fmt: skip
    """Numbers of the output, LANES wide: of so many blocks and pixels as the shape of this number says. lines: rows of
    taps; fours: groups of four steps in each. sums: of each output's weights; zero: the input's step that is zero;
    scales: what one step of the weights is worth; step: what one of the input's is; ends: the least and the greatest
    so far, of each lane."""

    def build(context, builder, signature, args):
        shape, *operands = args
        done = builder.append_basic_block("done")
        choice = builder.switch(shape, done)
        for number in range(len(SHAPES)):
            choice.add_case(place(number), builder.append_basic_block(f"shape_{number}"))
        for shape, (_, block) in zip(SHAPES, choice.cases, strict=True):
            builder.position_at_end(block)
            multiplied(builder, *shape, *operands)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    whole = types.int64
    return types.void(*(whole,) * 11, *(types.float32,) * 2, *(whole,) * 6), build


def multiplied(
    builder, blocks: int, pixels: int, line, line_step, pixel_step, lines, fours, weight, sums, zero, scales, biases,
    step, floor, plus, plus_step, out, out_step, out_size, ends,
) -> None:  # fmt: skip
    """``multiply`` for a shape that is known when it is translated."""
    many = range(blocks)
    zero = spread(builder, builder.trunc(builder.neg(zero), NUMBER))
    of_zero = [builder.mul(load(builder, builder.add(sums, place(4 * LANES * block)), NUMBERS), zero) for block in many]
    held = [[cgutils.alloca_once_value(builder, start) for start in of_zero] for _ in range(pixels)]
    weights, lines_at = (cgutils.alloca_once_value(builder, start) for start in (weight, line))
    across = [builder.mul(pixel_step, place(pixel)) for pixel in range(pixels)]
    with cgutils.for_range(builder, lines):
        start = builder.load(lines_at)
        with cgutils.for_range(builder, fours) as loop:
            these = builder.load(weights)
            kernel = [load(builder, builder.add(these, place(4 * LANES * block)), NUMBERS, 64) for block in many]
            here = builder.add(start, builder.shl(loop.index, place(2)))
            for pixel, shift in enumerate(across):
                four = spread(builder, load(builder, builder.add(here, shift), NUMBER))
                for block in many:
                    added = products(builder, builder.load(held[pixel][block]), four, kernel[block])
                    builder.store(added, held[pixel][block])
            builder.store(builder.add(these, place(4 * LANES * blocks)), weights)
        builder.store(builder.add(start, line_step), lines_at)
    floor, step = spread(builder, floor), spread(builder, step)
    values = []
    for block in many:
        beside = place(4 * LANES * block)
        factor = builder.fmul(load(builder, builder.add(scales, beside), FLOATS), step)
        bias = load(builder, builder.add(biases, beside), FLOATS)
        plus_here = builder.add(plus, place(SIZE[HALF] * LANES * block))
        for pixel in range(pixels):
            value = scaled(builder, builder.sitofp(builder.load(held[pixel][block]), FLOATS), factor, bias)
            value = builder.select(builder.fcmp_ordered("<", value, floor), floor, value)  # no number stays one
            added = load(builder, builder.add(plus_here, builder.mul(plus_step, place(pixel))), HALVES)
            values.append(builder.fadd(value, builder.fpext(added, FLOATS)))
    least, most = load(builder, ends, FLOATS), load(builder, builder.add(ends, place(4 * LANES)), FLOATS)
    for value in values:
        least = builder.select(builder.fcmp_ordered("<", value, least), value, least)
        most = builder.select(builder.fcmp_ordered(">", value, most), value, most)
    store(builder, least, ends)
    store(builder, most, builder.add(ends, place(4 * LANES)))
    with builder.if_else(builder.icmp_signed("==", out_size, place(SIZE[HALF]))) as branches:
        for branch, kind in zip(branches, (HALF, FLOAT), strict=True):
            with branch:
                for number, value in enumerate(values):
                    block, pixel = divmod(number, pixels)
                    along = builder.add(builder.mul(out_step, place(pixel)), place(SIZE[kind] * LANES * block))
                    value = builder.fptrunc(value, HALVES) if kind is HALF else value
                    store(builder, value, builder.add(out, along))


def place(number: int) -> ir.Constant:
    return ir.Constant(PLACE, number)


def load(builder, address, kind, align: int = 1):
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=align)


def store(builder, value, address) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=1)


def scaled(builder, value, factor, shift):
    return builder.fadd(builder.fmul(value, factor, flags=("contract",)), shift, flags=("contract",))


def spread(builder, number):
    """One number in all lanes."""
    kind = ir.VectorType(number.type, LANES)
    single = builder.insert_element(ir.Constant(kind, ir.Undefined), number, ir.Constant(NUMBER, 0))
    return builder.shuffle_vector(single, single, ir.Constant(NUMBERS, [0] * LANES))


def products(builder, sums, steps, weights):
    """VPDPBUSD: to each sum four products of unsigned steps and signed weights are added, exactly."""
    bytes_ = ir.VectorType(BYTE, 4 * LANES)
    kind = ir.FunctionType(NUMBERS, [NUMBERS, bytes_, bytes_])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpdpbusd.512")
    return builder.call(function, [sums, builder.bitcast(steps, bytes_), builder.bitcast(weights, bytes_)])
