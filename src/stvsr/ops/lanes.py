"""Eight numbers at once inside Numba functions, which have no words for it and seldom find it by themselves.

``load`` eight neighbours of a flat array, combine them, ``store`` them or take their ``total``. Each function becomes
one or two machine instructions (AVX; two NEON registers on ARM). Indices are not checked.
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
    """Eight numbers of a Numba number type."""

    def __init__(self, dtype: types.Float) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """Held in a register."""

    def __init__(self, manager, lanes: Lanes) -> None:
        element = manager.lookup(lanes.dtype).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(element, LANES))


@intrinsic
@no_type_check
def load(typing, array, index):
    """The eight numbers from ``array[index]`` on."""

    def build(context, builder, signature, args):
        return builder.load(pointer(context, builder, signature, args), align=array.dtype.bitwidth // 8)

    return Lanes(array.dtype)(array, index), build


@intrinsic
@no_type_check
def store(typing, array, index, numbers):
    """Write them to ``array[index]`` and on."""

    def build(context, builder, signature, args):
        builder.store(args[2], pointer(context, builder, signature, args), align=array.dtype.bitwidth // 8)
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
    """The sum of the eight products."""

    def build(context, builder, signature, args):
        products = builder.fmul(*args)
        half = LANES // 2
        while half:  # the upper half on the lower, until one is left
            order = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [(i + half) % LANES for i in range(LANES)])
            products = builder.fadd(products, builder.shuffle_vector(products, products, order))
            half //= 2
        return builder.extract_element(products, ir.Constant(ir.IntType(32), 0))

    return numbers.dtype(numbers, others), build


@no_type_check
def pointer(context, builder, signature, args):
    array = context.make_array(signature.args[0])(context, builder, args[0])
    eight = context.get_value_type(Lanes(signature.args[0].dtype))
    return builder.bitcast(builder.gep(array.data, [args[1]]), eight.as_pointer())


@no_type_check
def spread(context, builder, number, kind, numbers):
    """One number, eight times, in the precision of ``numbers``."""
    eight = context.get_value_type(numbers)
    number = context.cast(builder, number, kind, numbers.dtype)
    single = builder.insert_element(ir.Constant(eight, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    nowhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(single, single, nowhere)
