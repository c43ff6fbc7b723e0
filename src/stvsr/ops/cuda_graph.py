"""CUDA graphs: many small kernels, launched as one. None of this runs without a GPU."""

from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")
WARM_UP = 3


def captured(action: Callable[[], Result]) -> tuple[Callable[[], None], Result]:
    """What does the action's work again, and where its result then lies, each time in the same place.

    The action runs a few times as it is, and once more while it is recorded. It must read from fixed places, and never
    wait for the GPU. Raises RuntimeError where it does.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            action()
    torch.cuda.current_stream().wait_stream(stream)
    torch.clear_autocast_cache()  # weights that were made smaller before are gone when the graph wants them
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = action()
    torch.clear_autocast_cache()
    return graph.replay, result
