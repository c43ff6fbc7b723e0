"""Local correlation: how well each pixel of one feature map matches the neighbourhood of the same place in another."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.ops.warp import only_looks


def local_correlation(
    here: Float[Tensor, "b d h w"], there: Float[Tensor, "b d h w"], *, radius: int
) -> Float[Tensor, "b (2*{radius}+1)**2 h w"]:
    """Mean over the features of ``here`` times ``there`` moved by every offset up to ``radius``, rows first.

    Channel ``(dy + radius) * (2 * radius + 1) + dx + radius`` compares pixel (y, x) with (y + dy, x + dx); beyond the
    border there is nothing (zero).

    Each row is compared with a whole row by one matrix product, of which only the band around the diagonal is kept.
    That computes too much and is still faster to train with than one product per offset (docs/decisions.md).
    """
    if only_looks(here) and here.dtype == torch.float32:
        from stvsr.ops import correlate_cpu

        return correlate_cpu.local_correlation(here, there, radius=radius)
    features, height = here.shape[1:3]
    side = 2 * radius + 1
    rows = rearrange(here, "b d h w -> b h w d")
    padded = rearrange(F.pad(there, (radius, radius, radius, radius)), "b d h w -> b h d w")
    bands = [band(rows @ padded[:, dy : dy + height], side) for dy in range(side)]
    return rearrange(torch.stack(bands, 1), "b dy h w dx -> b (dy dx) h w") / features


def band(matrix: Float[Tensor, "b h w w2"], side: int) -> Float[Tensor, "b h w {side}"]:
    """Entries (i, i) ... (i, i + side - 1) of each row i: rows one longer than they are put the diagonals upright."""
    width, longer = matrix.shape[-2:]
    upright = F.pad(rearrange(matrix, "b h w w2 -> b h (w w2)"), (0, width))
    return rearrange(upright, "b h (w w3) -> b h w w3", w3=longer + 1)[..., :side]
