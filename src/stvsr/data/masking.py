"""Hiding pieces of the input, so that a network learns to look for them in the neighbouring frames ("Time Without
Time", CVPR 2026)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.errors import SettingsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """Blocks of every input frame are zero, each frame's own."""

    rate: float = 0.5
    """Share of the blocks that are hidden; the paper finds 0.3 to 0.7 equally good, 0.9 worse."""
    block: int = 4
    """Side of a block, input pixels."""

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1 or self.block < 1:
            raise SettingsError(f"Masking hides a share from 0 to below 1 in blocks of at least 1 pixel, not {self}.")

    def draw(self, keys: int, size: tuple[int, int], random: np.random.Generator) -> Float[Tensor, "t 1 h w"]:
        """1 where the input is shown, 0 where it is hidden."""
        blocks = torch.from_numpy(random.random((keys, 1, *(-(-side // self.block) for side in size))) >= self.rate)
        whole = blocks.float().repeat_interleave(self.block, -2).repeat_interleave(self.block, -1)
        return whole[..., : size[0], : size[1]].contiguous()

    def weigh(self, shown: Float[Tensor, "b t 1 h w"], scale: int) -> Float[Tensor, "b 1 1 H W"]:
        """1 / (1 + the number of frames that show a pixel): what is seen often is easy. Scaled to a mean of 1."""
        weight = 1 / (1 + shown.sum(1))
        weight = weight / weight.mean((1, 2, 3), keepdim=True)
        return F.interpolate(weight, scale_factor=scale, mode="nearest")[:, None]
