"""A network on a GPU, recorded as CUDA graphs. Where pictures are small, launching one kernel after the other takes
longer than the kernels do."""

import logging
from collections import deque
from collections.abc import Callable, Hashable
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Times
from stvsr.inference.memory import is_out_of_memory
from stvsr.networks.base import Network
from stvsr.ops.cuda_graph import captured

log = logging.getLogger(__name__)

MOST = 4
"""Graphs at once: each keeps memory of its own. A film has a first window, last ones, and all those between."""

LATELY = 16
"""So many kinds of windows are remembered, not all of a film: each may have instants of its own."""

Replay = Callable[[Tensor], Tensor]


class GraphedNetwork:
    """Called like the network. A shape and instants that come a second time are recorded."""

    def __init__(self, network: Network, capture: Callable[[Network, Tensor, Times], Replay] | None = None) -> None:
        self.network, self.capture = network, capture or record
        self.graphs = dict[Hashable, Replay]()
        self.seen = deque[Hashable](maxlen=LATELY)

    def __call__(self, clip: Float[Tensor, "1 t c h w"], times: Times) -> Float[Tensor, "1 s c H W"]:
        device = clip.device.type
        precision = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else clip.dtype
        kind = clip.shape, precision, tuple(Fraction(time) for time in times)
        if kind not in self.graphs and kind in self.seen and len(self.graphs) < MOST:
            self.graphs[kind] = self.recorded(clip, times)
        if kind in self.graphs:
            return self.graphs[kind](clip)
        self.seen.append(kind)
        return self.network(clip, times)

    def recorded(self, clip: Tensor, times: Times) -> Replay:
        try:
            return self.capture(self.network, clip, times)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            log.warning("%s cannot be recorded as a CUDA graph: %s", type(self.network).__name__, error)
            return lambda clip: self.network(clip, times)


def record(network: Network, clip: Float[Tensor, "1 t c h w"], times: Times) -> Replay:
    """The network on this shape and at these instants, as one graph."""
    still = clip.clone()
    replay, frames = captured(lambda: network(still, times))

    def again(clip: Tensor) -> Tensor:
        still.copy_(clip)
        replay()
        return frames.clone()  # the next call writes over them

    return again
