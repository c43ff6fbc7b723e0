"""Local correlation: how well each pixel of one feature map matches the neighbourhood of the same place in another."""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def local_correlation(
    here: Float[Tensor, "b d h w"], there: Float[Tensor, "b d h w"], *, radius: int
) -> Float[Tensor, "b (2*{radius}+1)**2 h w"]:
    """Mean over the features of ``here`` times ``there`` moved by every offset up to ``radius``, rows first.

    Channel ``(dy + radius) * (2 * radius + 1) + dx + radius`` compares pixel (y, x) with (y + dy, x + dx); beyond the
    border there is nothing (zero).
    """
    side = 2 * radius + 1
    height = here.shape[-2]
    padded = F.pad(there, (radius, radius, radius, radius))
    neighbours = padded.unfold(3, side, 1)  # b d (h + 2 radius) w side: a view, nothing is copied
    rows = [(here[..., None] * neighbours[:, :, dy : dy + height]).mean(1) for dy in range(side)]
    return rearrange(torch.stack(rows, dim=1), "b dy h w dx -> b (dy dx) h w")
