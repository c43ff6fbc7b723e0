"""Functions over arrays, translated to machine code by Numba at their first call."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
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


@cache
def helpers() -> ThreadPoolExecutor:
    """Python's threads, which wait for work: Numba's own must not be started from two threads at once."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="helper")


if hasattr(os, "register_at_fork"):  # a forked process has none of them
    os.register_at_fork(after_in_child=helpers.cache_clear)


def at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Run all tasks, the first in this thread. What no helper has begun by then, this thread does, too: on a busy
    machine a helper's turn may come milliseconds later."""
    first, *others = tasks
    begun = [(task, helpers().submit(task)) for task in others]
    first()
    for task, future in begun:
        if future.cancel():
            task()
        else:
            future.result()


def in_bands(work: Callable[..., None], count: int, *arguments: object) -> None:
    """``work(first, last, *arguments)`` on all of ``count`` rows, a band for each of PyTorch's threads."""
    at_once([partial(work, *cut, *arguments) for cut in pairwise(cuts(range(count), torch.get_num_threads()))])


def cuts(span: range, parts: int) -> list[int]:
    """Where a span is cut into parts, both ends included."""
    return [span.start + len(span) * part // parts for part in range(parts + 1)]
