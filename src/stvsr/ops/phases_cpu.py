"""``unfolded`` on the CPU, translated to machine code by Numba: each frame is added up where it will lie."""

from typing import no_type_check

from einops import rearrange
from jaxtyping import Float
from numba import uint32
from torch import Tensor

from stvsr.ops.machine_code import compiled, in_bands


def unfold_into(
    frames: Float[Tensor, "b c H W"], detail: Float[Tensor, "b d h w"], base: Float[Tensor, "b d h w"], scale: int
) -> None:
    """Write the pixel shuffle of the sum. All are fp32; each frame is contiguous."""
    folded = [rearrange(phases, "b d h w -> b (h w d)").contiguous().numpy() for phases in (detail, base)]
    colours, height, width = frames.shape[1], *detail.shape[2:]
    for item, frame in enumerate(frames):
        in_bands(add_rows, height, *(phases[item] for phases in folded), frame.numpy(), width, colours, scale)


@compiled
@no_type_check  # it keeps the tests' shape checker from wrapping what Numba reads
def add_rows(first, last, detail, base, frame, width, colours, scale):
    """Some small rows: flat numbers of pixel, colour, row and column within the block. Unsigned indices never count
    from the end."""
    depth = colours * scale * scale
    for row in range(first, last):
        for colour in range(colours):
            for y in range(scale):
                line = frame[colour, row * scale + y]
                place = uint32(row * width * depth + (colour * scale + y) * scale)
                for column in range(width):
                    for x in range(scale):
                        line[uint32(column * scale + x)] = detail[place + uint32(x)] + base[place + uint32(x)]
                    place += uint32(depth)
