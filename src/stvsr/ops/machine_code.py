"""Functions translated to machine code by Numba at their first call: over arrays, or over plain memory."""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from numba import cfunc, njit, types
from numba.core.ccallback import CFunc

FLOATS = {"error_model": "numpy", "fastmath": {"contract"}}
translate = partial(njit, nogil=True, **FLOATS)
inlined = translate(forceinline=True)
FP32, UINT8 = types.CPointer(types.float32), types.CPointer(types.uint8)
"""Addresses of such numbers, for ``OverMemory``."""


def kept(translation: Callable[..., Any], function: Callable[..., None]) -> Any:
    """Translated so; kept on disk, unless there is no folder that may be written to."""
    try:
        return translation(cache=True)(function)
    except RuntimeError:
        return translation()(function)


compiled = partial(kept, translate)


class OverMemory:
    """A function of whole numbers, fp32 numbers and addresses, as its annotations say in Numba's types: it gets the
    address of a tensor's first number. No index is checked, or counted from the end. Numba translates such a function
    in two thirds of the time that one over arrays takes."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.function = function

    @cached_property
    def translated(self) -> CFunc:
        signature = types.void(*self.function.__annotations__.values())
        return kept(partial(cfunc, signature, nopython=True, **FLOATS), self.function)

    @cached_property
    def called(self) -> Callable[..., None]:
        plain = {types.int64: ctypes.c_int64, types.float32: ctypes.c_float}
        taken = [plain.get(kind, ctypes.c_void_p) for kind in self.function.__annotations__.values()]
        address = self.translated.address
        assert address is not None
        return ctypes.CFUNCTYPE(None, *taken)(address)

    def __call__(self, *arguments: object) -> None:
        self.called(*(each.data_ptr() if isinstance(each, torch.Tensor) else each for each in arguments))


def by_threads(function: OverMemory, record: int, count: int) -> None:
    """Let so many threads call the function, this one among them, with the record's address. They share the work out
    by what they note in the record."""
    if count == 1:
        function.called(record)
    elif (together := team()) is not None:
        together(function.translated.address, record, count, 0)
    else:
        at_once([partial(function.called, record)] * count)


def team() -> Callable[..., None] | None:
    """How PyTorch's own threads are set to work, where they can be: a process that was forked off cannot start them."""
    return open_mp() if os.getpid() == STARTED else None


STARTED = os.getpid()


@cache
def open_mp() -> Callable[..., None] | None:
    """GNU OpenMP's, where PyTorch brings it. After an operation of PyTorch its threads wait for the next one by
    spinning, and would keep the processor from any threads of ours."""
    found = next(Path(torch.__file__).with_name("lib").glob("libgomp*"), None)
    if found is None:
        return None
    together = ctypes.CDLL(str(found)).GOMP_parallel
    together.argtypes, together.restype = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
    return together


CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def helpers() -> ThreadPoolExecutor:
    """Where there is no such team: Python's threads, which wait for work."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="helper")


if hasattr(os, "register_at_fork"):  # a forked process has none of them
    os.register_at_fork(after_in_child=helpers.cache_clear)


def at_once(tasks: Sequence[Callable[[], object]]) -> None:
    """Run all tasks, each in the first thread that is free. What no other has begun, this one does; but PyTorch's own
    threads are waited for, however late they come and find nothing left."""
    left, failed = iter(tasks), list[BaseException]()

    def work(_: object = None) -> None:
        try:
            while not failed and (task := next(left, None)) is not None:
                task()
        except BaseException as error:
            failed.append(error)  # raised below, in the thread that asked; a callback of C would swallow it

    if len(tasks) > 1 and (together := team()) is not None:
        together(CALLBACK(work), None, len(tasks), 0)
    else:
        begun = [helpers().submit(work) for _ in tasks[1:]]
        work()
        for future in begun:
            if not future.cancel():
                future.result()
    if failed:
        raise failed[0]


def in_bands(work: Callable[..., None], count: int, *arguments: object) -> None:
    """``work(first, last, *arguments)`` on all of ``count`` rows, a band for each of PyTorch's threads."""
    if isinstance(work, OverMemory):
        _ = work.called  # translated here, or each thread would
    at_once([partial(work, *cut, *arguments) for cut in pairwise(cuts(range(count), torch.get_num_threads()))])


def cuts(span: range, parts: int) -> list[int]:
    """Where a span is cut into parts, both ends included."""
    return [span.start + len(span) * part // parts for part in range(parts + 1)]
