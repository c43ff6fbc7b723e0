"""``local_correlation`` on the CPU, translated to machine code by Numba: nothing is computed that is not wanted, eight
features of a pixel at a time."""

from typing import no_type_check

from einops import rearrange
from jaxtyping import Float
from numba import float32, uint32
from torch import Tensor

from stvsr.ops.lanes import LANES, dot, load
from stvsr.ops.machine_code import compiled, in_bands


def local_correlation(
    here: Float[Tensor, "b d h w"], there: Float[Tensor, "b d h w"], *, radius: int
) -> Float[Tensor, "b (2*{radius}+1)**2 h w"]:
    """Both fp32. The result lies channels last."""
    mine, theirs = (rearrange(feat, "b d h w -> b h w d").contiguous() for feat in (here, there))
    count, height, width, depth = mine.shape
    out = mine.new_empty(count, height, width, (2 * radius + 1) ** 2)
    arrays = (mine.view(-1).numpy(), theirs.view(-1).numpy(), out.view(-1).numpy())
    in_bands(match, count * height, *arrays, height, width, depth, radius)
    return rearrange(out, "b h w k -> b k h w")


@compiled
@no_type_check  # it keeps the tests' shape checker from wrapping what Numba reads
def match(first, last, mine, theirs, out, height, width, depth, radius):
    """Some rows of the batch, flat: pixels, then features or offsets. Unsigned indices never count from the end."""
    whole, share, place = depth // LANES * LANES, float32(1) / float32(depth), uint32(first * width)
    place *= uint32((2 * radius + 1) * (2 * radius + 1))
    for row in range(first, last):
        y = row % height
        for x in range(width):
            own = uint32(row * width + x) * uint32(depth)
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    total = float32(0)
                    if 0 <= y + dy < height and 0 <= x + dx < width:
                        other = uint32((row + dy) * width + x + dx) * uint32(depth)
                        for feature in range(0, whole, LANES):
                            a, b = own + uint32(feature), other + uint32(feature)
                            total += dot(load(mine, a, LANES), load(theirs, b, LANES))
                        for feature in range(whole, depth):
                            total += mine[own + uint32(feature)] * theirs[other + uint32(feature)]
                    out[place] = total * share
                    place += uint32(1)
