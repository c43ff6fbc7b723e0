"""Pictures that lie folded: of each colour, scale x scale neighbouring large pixels side by side."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.ops.resize import enlarge_phases
from stvsr.ops.warp import only_looks


def enlarged_with(
    frames: Iterable[tuple[Float[Tensor, "b d h w"], Float[Tensor, "b c h w"]]], count: int, scale: int
) -> Float[Tensor, "b s c H W"]:
    """So many pictures enlarged, each with its folded detail on top, one after the other in time."""
    out = None
    whole: list[Tensor] = []
    for index, (detail, picture) in enumerate(frames):
        if only_looks(detail) and detail.dtype == picture.dtype == torch.float32:
            from stvsr.ops import phases_cpu

            if out is None:
                batch, colours, height, width = picture.shape
                out = detail.new_empty(batch, count, colours, height * scale, width * scale)
            phases_cpu.enlarge_into(out[:, index], detail, picture, scale)
        else:
            whole.append(F.pixel_shuffle(detail + enlarge_phases(picture, scale), scale))
    return torch.stack(whole, 1) if out is None else out
