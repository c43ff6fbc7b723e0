"""Functions over arrays, translated to machine code by Numba at their first call."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise

import torch
from numba import njit

translate = partial(njit, nogil=True, error_model="numpy", fastmath={"contract"})
inlined = translate(forceinline=True)


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Translated; kept on disk, unless there is no folder that may be written to."""
    try:
        return translate(cache=True)(function)
    except RuntimeError:
        return translate()(function)


def in_bands(work: Callable[..., None], count: int, *arguments: object) -> None:
    """``work(first, last, *arguments)`` on all of ``count`` rows, a band for each of PyTorch's threads. The threads are
    Python's: Numba's own must not be started from two threads at once."""
    threads = torch.get_num_threads()
    cuts = [count * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        for band in [pool.submit(work, *cut, *arguments) for cut in pairwise(cuts)]:
            band.result()
