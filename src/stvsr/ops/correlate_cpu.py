"""``local_correlation`` on the CPU, translated to machine code by Numba: nothing is computed that is not wanted, eight
features of a pixel at a time."""

from typing import no_type_check

from einops import rearrange
from jaxtyping import Float
from numba import float32, int64
from torch import Tensor

from stvsr.ops.lanes import LANES, dot, load
from stvsr.ops.machine_code import FP32, OverMemory, in_bands


def local_correlation(
    here: Float[Tensor, "b d h w"], there: Float[Tensor, "b d h w"], *, radius: int
) -> Float[Tensor, "b (2*{radius}+1)**2 h w"]:
    """Both fp32. The result lies channels last."""
    mine, theirs = (rearrange(feat, "b d h w -> b h w d").contiguous() for feat in (here, there))
    count, height, width, depth = mine.shape
    out = mine.new_empty(count, height, width, (2 * radius + 1) ** 2)
    in_bands(match, count * height, mine, theirs, out, height, width, depth, radius)
    return rearrange(out, "b h w k -> b k h w")


@OverMemory
@no_type_check  # it keeps the tests' shape checker from wrapping what Numba reads
def match(
    first: int64, last: int64, mine: FP32, theirs: FP32, out: FP32,
    height: int64, width: int64, depth: int64, radius: int64,
):  # fmt: skip
    """Some rows of the batch: pixels, then features or offsets."""
    whole, share, place = depth // LANES * LANES, float32(1) / float32(depth), first * width
    place *= (2 * radius + 1) * (2 * radius + 1)
    for row in range(first, last):
        y = row % height
        for x in range(width):
            own = (row * width + x) * depth
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    total = float32(0)
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        other = ((row + dy) * width + x + dx) * depth
                        for feature in range(0, whole, LANES):
                            total += dot(load(mine, own + feature, LANES), load(theirs, other + feature, LANES))
                        for feature in range(whole, depth):
                            total += mine[own + feature] * theirs[other + feature]
                    out[place] = total * share
                    place += 1
