"""Turning and mirroring the stored picture as a player would, for targets that cannot say so themselves.

A display matrix (a b u, c d v, x y w) sends the stored point (x, y) to (a x + c y, b x + d y); y points down.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.video.info import VideoInfo


def as_displayed(image: Float[Tensor, "c h w"], source: VideoInfo) -> Float[Tensor, "c h2 w2"]:
    """The picture as it is seen, to the nearest quarter turn."""
    if source.display_matrix is None:
        return image
    (a, b), (c, d) = source.display_matrix[0:2], source.display_matrix[3:5]
    if lies_on_its_side(source):
        image, right, down = image.transpose(1, 2), c, b
    else:
        right, down = a, d
    flips = [axis for axis, sign in ((2, right), (1, down)) if sign < 0]
    return torch.flip(image, flips).contiguous()


def lies_on_its_side(source: VideoInfo) -> bool:
    """Whether rows become columns."""
    if source.display_matrix is None:
        return False
    (a, b), (c, d) = source.display_matrix[0:2], source.display_matrix[3:5]
    return abs(a) + abs(d) < abs(b) + abs(c)
