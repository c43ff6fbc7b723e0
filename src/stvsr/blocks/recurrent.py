"""A ConvLSTM that aligns its memory before it uses it, run both ways: the bidirectional deformable ConvLSTM of Zooming
Slow-Mo (Xiang et al., CVPR 2020)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stvsr.blocks.align import TwoWayAlignment


class BidirectionalLSTM(nn.Module):
    """Every map of a sequence sees all others, in order; both directions share their weights. Height and width must be
    multiples of 4."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.align_state, self.align_memory = TwoWayAlignment(width), TwoWayAlignment(width)
        self.gates = nn.Conv2d(2 * width, 4 * width, 3, padding=1)
        self.merge = nn.Conv2d(2 * width, width, 1)

    def forward(self, feats: list[Tensor]) -> list[Tensor]:
        forth, back = self.one_way(feats), self.one_way(feats[::-1])[::-1]
        return [self.merge(torch.cat(both, 1)) for both in zip(forth, back, strict=True)]

    def one_way(self, feats: list[Tensor]) -> list[Tensor]:
        state = memory = torch.zeros_like(feats[0])
        states = []
        for feat in feats:
            state, memory = self.step(feat, self.align_state(state, feat), self.align_memory(memory, feat))
            states.append(state)
        return states

    def step(
        self, feat: Float[Tensor, "n d h w"], state: Float[Tensor, "n d h w"], memory: Float[Tensor, "n d h w"]
    ) -> tuple[Float[Tensor, "n d h w"], Float[Tensor, "n d h w"]]:
        """The ConvLSTM cell (Shi et al., NeurIPS 2015)."""
        take, keep, show, new = self.gates(torch.cat([feat, state], 1)).chunk(4, dim=1)
        memory = keep.sigmoid() * memory + take.sigmoid() * new.tanh()
        return show.sigmoid() * memory.tanh(), memory
