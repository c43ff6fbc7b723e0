"""A graph over the feature maps of a clip: ST-GR of STINet (Yue et al., Section III-D and Fig. 3b).

Every map is averaged to one node. A node hears from the other instants of its level and from the other level at its
instant; what it has learned in the end modulates its map.

b batch · v nodes · d features · h w input size (low level) · H W output size (high level).
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.dbpn import Shrink
from stvsr.ops.resize import full_precision


class GraphRefinement(nn.Module):
    """GraphSAGE whose messages are weighted by the edges: h_i <- W (h_i + sum_j e_ij h_j) / (1 + sum_j e_ij) + b.

    hidden, num_layers: width between the layers, and their number. gate: how much the nodes modulate the maps.
    frame, pixel, time: the attributes of an edge (E^F, E^P, E^T); its weight is their mean, or 1 without any.
    shrink: how many times larger high maps are, where maps of both levels will come.
    """

    def __init__(
        self,
        width: int,
        *,
        hidden: int,
        num_layers: int,
        gate: float,
        frame: bool,
        pixel: bool,
        time: bool,
        shrink: int | None,
    ) -> None:
        super().__init__()
        self.gate, self.frame, self.pixel, self.time = gate, frame, pixel, time
        widths = [width, *[hidden] * (num_layers - 1), width]
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.shrink = Shrink(width, width, scale=shrink) if pixel and shrink is not None else None

    def forward(
        self, lows: list[Tensor], highs: list[Tensor], instants: Sequence[Fraction]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Low (b d h w) and high (b d H W) maps of all instants, refined; either list may be empty."""
        nodes = torch.stack([feat.float().mean((-2, -1)) for feat in [*lows, *highs]], 1)
        edges = self.edges(nodes, lows, highs, instants)
        for index, layer in enumerate(self.layers):
            if index:
                nodes = F.leaky_relu(nodes, 0.1)
            nodes = layer((nodes + edges @ nodes) / (1 + edges.sum(-1, keepdim=True)))
        gates = (self.gate * nodes)[..., None, None].unbind(1)
        feats = [feat + feat * gate.to(feat.dtype) for feat, gate in zip([*lows, *highs], gates, strict=True)]
        return feats[: len(lows)], feats[len(lows) :]

    def edges(
        self, nodes: Float[Tensor, "b v d"], lows: list[Tensor], highs: list[Tensor], instants: Sequence[Fraction]
    ) -> Float[Tensor, "b v v"]:
        """The weight of every message, 0 where there is no edge. Cosines are moved from -1 ... 1 to 0 ... 1, so that
        no weight is negative and no attribute loses its gradient."""
        places = [(level, instant) for level, feats in enumerate((lows, highs)) if feats for instant in instants]
        linked = nodes.new_tensor(
            [[float((i != k) and (i[0] == k[0] or i[1] == k[1])) for k in places] for i in places]
        )
        attributes = []
        if self.frame:
            directions = F.normalize(nodes, dim=-1)
            with full_precision(nodes):
                attributes.append((1 + directions @ directions.mT) / 2)
        if self.pixel:
            attributes.append((1 + self.pixel_cosines(lows, highs)) / 2)
        if self.time:
            # 1 - sigmoid(|t1 - t2|), where the paper counts input frames two apart
            closeness = [[1 / (1 + math.exp(2 * abs(i[1] - k[1]))) for k in places] for i in places]
            attributes.append(nodes.new_tensor(closeness).expand(len(nodes), -1, -1))
        weights = torch.stack(attributes).mean(0) if attributes else torch.ones_like(linked).expand(len(nodes), -1, -1)
        return weights * linked

    def pixel_cosines(self, lows: list[Tensor], highs: list[Tensor]) -> Float[Tensor, "b v v"]:
        """Cosine of two maps at each pixel, averaged; across the levels only at the same instant, at the input size."""
        levels = [unit_pixels(feats) for feats in (lows, highs) if feats]
        with full_precision(levels[0]):
            alike = [level.flatten(2) @ level.flatten(2).mT / level[0, 0, ..., 0].numel() for level in levels]
        if self.shrink is None:
            return alike[0]
        shrunk = unit_pixels([self.shrink(high) for high in highs])
        across = (levels[0] * shrunk).sum(-1).mean((-2, -1)).diag_embed()
        return torch.cat([torch.cat([alike[0], across], -1), torch.cat([across, alike[1]], -1)], -2)


def unit_pixels(feats: Sequence[Float[Tensor, "b d h w"]]) -> Float[Tensor, "b v h w d"]:
    """Every pixel's features at length one, in fp32, as they lie where channels come last."""
    return rearrange(
        torch.cat([F.normalize(feat.float(), dim=1) for feat in feats]), "(v b) d h w -> b v h w d", v=len(feats)
    )
