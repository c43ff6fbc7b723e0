"""How much fits: from the size of the memory to the size of a tile.

Memory means all that is built in, not what happens to be free: the same film on the same machine is always cut the
same way, and a job that goes on after a break gives the same pixels.
"""

import ctypes
import os
import sys
from math import isqrt
from pathlib import Path

import torch

from stvsr.networks.base import Network

UNKNOWN = 4 * 2**30
"""What is assumed where the system tells nothing."""
LIVE_MAPS = 3
"""Feature maps as wide as the widest layer that are alive at once, for each frame; about twice what Unison needs."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
MOST, MOST_OF_OLDER, NEVER = 2**31 - 1, 2**25, -1
CONTAINER_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def built_in_memory(device: torch.device) -> int:
    """Bytes of memory that programs on this device may use in all."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    sizes = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")] if hasattr(os, "sysconf") else [UNKNOWN]
    for limit in map(Path, CONTAINER_LIMITS):
        if limit.is_file() and (text := limit.read_text().strip()).isdigit():
            sizes.append(int(text))
    return min(sizes)


def frames_that_fit(height: int, width: int, scale: int, device: torch.device) -> int:
    """How many finished frames may wait for their turn: an eighth of the device's or the main memory, whichever is
    less; 1 to 32. Sizes of the input."""
    frame = 3 * height * width * scale**2 * 4
    room = min(map(built_in_memory, {torch.device("cpu"), device}))
    return min(max(room // 8 // frame, 1), 32)


def tile_that_fits(network: Network, device: torch.device, frames: int) -> int:
    """The edge of the largest square tile, in input pixels, whose features fit in a quarter of the device's memory.

    frames: key frames and instants in one call. An estimate: where it is too bold, the engine halves it.
    """
    widest = max((parameter.shape[0] for parameter in network.parameters() if parameter.ndim > 1), default=3)
    per_pixel = 4 * (LIVE_MAPS * widest + 4 * 3 * network.spec.scale**2)
    return isqrt(built_in_memory(device) // 4 // (per_pixel * frames))


def is_out_of_memory(error: BaseException) -> bool:
    """CUDA has a class for it; the CPU and MPS allocators only a sentence."""
    words = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(word in str(error).lower() for word in words)


def keep_freed_memory() -> None:
    """Let the next window's maps lie where the last one's lay, for the rest of the process.

    glibc hands each large piece back to the system when it is freed; asked for again, it comes page by page, emptied,
    and that was an eighth of ``unison-s``'s time. It makes the process no larger than it gets anyway, but it stays so.
    Other systems' allocators stay as they are.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and any(mallopt(M_MMAP_THRESHOLD, most) for most in (MOST, MOST_OF_OLDER)):
        mallopt(M_TRIM_THRESHOLD, NEVER)
