"""Threads that share a GPU: what one has queued, another waits for, unless it works on a stream of its own."""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def settled(tensor: Tensor) -> Tensor:
    """When all that this thread has queued is done: what is returned may go to other threads, and to their streams."""
    if tensor.device.type == "cuda":
        torch.cuda.current_stream(tensor.device).synchronize()
    return tensor


def own_stream(device: torch.device) -> AbstractContextManager:
    """Work in here on what is ``settled``, without waiting for what other threads have queued since. What is made in
    here must have arrived in main memory at the end."""
    return torch.cuda.stream(torch.cuda.Stream(device)) if device.type == "cuda" else nullcontext()
