"""Pictures that lie folded: of each colour, scale x scale neighbouring large pixels side by side."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.ops.warp import only_looks


def unfolded(
    frames: Iterable[tuple[Float[Tensor, "b d h w"], Float[Tensor, "b d h w"]]], count: int, scale: int
) -> Float[Tensor, "b s c H W"]:
    """The pixel shuffles of so many sums, one after the other in time."""
    out = None
    whole: list[Tensor] = []
    for index, (detail, base) in enumerate(frames):
        if only_looks(detail) and detail.dtype == base.dtype == torch.float32:
            from stvsr.ops import phases_cpu

            if out is None:
                batch, depth, height, width = detail.shape
                out = detail.new_empty(batch, count, depth // scale**2, height * scale, width * scale)
            phases_cpu.unfold_into(out[:, index], detail, base, scale)
        else:
            whole.append(F.pixel_shuffle(detail + base, scale))
    return torch.stack(whole, 1) if out is None else out
