"""Bicubic: enlarge by MATLAB's bicubic, blend neighbours in time. No weights: the honest baseline and the fallback.

s rendered instants, see ``stvsr.clip`` for the other letters.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Times
from stvsr.networks.base import Network, Spec
from stvsr.ops.resize import resize


class Bicubic(Network):
    """Bicubic in space, linear in time, at any instant."""

    def __init__(self, *, scale: int = 4) -> None:
        super().__init__()
        # an output pixel sees two rows and columns of input on either side, and a third for its half-pixel place
        self.spec = Spec(scale=scale, step=None, reach=3, context=1)

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        before = [int(time) for time in times]
        after = [min(int(time) + 1, clip.shape[1] - 1) for time in times]
        share = torch.tensor([float(time - int(time)) for time in times]).to(clip)[:, None, None, None]
        blend = torch.lerp(clip[:, before], clip[:, after], share)
        return resize(blend, self.spec.scale)
