"""Several numbers at once inside Numba functions, which have no words for it and seldom find it by themselves.

``load`` eight neighbours of a flat array or of plain memory, or another number of them that is known when the function
is translated, combine them, ``store`` them or take their ``dot``. Each function becomes one or two machine instructions
(eight: AVX, or two NEON registers on ARM). Indices are not checked.
"""

# ruff: noqa: ARG001 (Numba gives every builder the same arguments)

from typing import no_type_check

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.extending import intrinsic, register_model

LANES = 8
FUSED = ("contract",)  # a product and a sum may be rounded once


class Lanes(types.Type):
    """So many numbers of a Numba number type."""

    def __init__(self, dtype: types.Float, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(name=f"Lanes({dtype}, {count})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """Held in a register."""

    def __init__(self, manager, lanes: Lanes) -> None:
        element = manager.lookup(lanes.dtype).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(element, lanes.count))


@intrinsic(prefer_literal=True)
@no_type_check
def load(typing, array, index, count):
    """So many numbers from ``array[index]`` on."""
    lanes = Lanes(array.dtype, count.literal_value)

    def build(context, builder, signature, args):
        place = pointer(context, builder, signature, args, lanes)
        return builder.load(place, align=array.dtype.bitwidth // 8)

    return lanes(array, index, count), build


@intrinsic
@no_type_check
def store(typing, array, index, numbers):
    """Write them to ``array[index]`` and on."""

    def build(context, builder, signature, args):
        place = pointer(context, builder, signature, args, numbers)
        builder.store(args[2], place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, index, numbers), build


@intrinsic
@no_type_check
def scaled(typing, numbers, factor):
    """Each times one factor."""

    def build(context, builder, signature, args):
        factors = spread(context, builder, args[1], factor, numbers)
        return builder.fmul(args[0], factors, flags=FUSED)

    return numbers(numbers, factor), build


@intrinsic
@no_type_check
def plus(typing, numbers, others):
    """Each plus its like."""

    def build(context, builder, signature, args):
        return builder.fadd(*args, flags=FUSED)

    return numbers(numbers, others), build


@intrinsic
@no_type_check
def dot(typing, numbers, others):
    """The sum of the products."""

    def build(context, builder, signature, args):
        products = builder.fmul(*args)
        count = numbers.count
        half = count // 2
        while half:  # the upper half on the lower, until one is left
            order = ir.Constant(ir.VectorType(ir.IntType(32), count), [(i + half) % count for i in range(count)])
            products = builder.fadd(products, builder.shuffle_vector(products, products, order))
            half //= 2
        return builder.extract_element(products, ir.Constant(ir.IntType(32), 0))

    return numbers.dtype(numbers, others), build


@no_type_check
def pointer(context, builder, signature, args, lanes):
    kind, start = signature.args[0], args[0]
    if isinstance(kind, types.Array):
        start = context.make_array(kind)(context, builder, start).data
    return builder.bitcast(builder.gep(start, [args[1]]), context.get_value_type(lanes).as_pointer())


@no_type_check
def spread(context, builder, number, kind, numbers):
    """One number in all lanes, in the precision of ``numbers``."""
    many = context.get_value_type(numbers)
    number = context.cast(builder, number, kind, numbers.dtype)
    single = builder.insert_element(ir.Constant(many, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    nowhere = ir.Constant(ir.VectorType(ir.IntType(32), numbers.count), [0] * numbers.count)
    return builder.shuffle_vector(single, single, nowhere)
