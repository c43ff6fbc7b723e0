"""Reading, computing and writing at the same time, with a bounded number of frames between them.

The computing stays in the caller's thread, where Ctrl-C arrives at once; reading ahead and every step of writing behind
have a thread each. An error on either side comes out in the caller's thread, at the next frame.
"""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")


@dataclass(slots=True)
class Waiting:
    """How long the computing had to wait for its neighbours, in seconds."""

    for_reading: float = 0.0
    for_writing: float = 0.0

    def bottleneck(self, seconds: float) -> str:
        """The stage that took the most of so many seconds: reading, computing or writing."""
        computing = seconds - self.for_reading - self.for_writing
        shares = {"reading": self.for_reading, "computing": computing, "writing": self.for_writing}
        return max(shares, key=lambda stage: shares[stage])


@contextmanager
def on_one_core() -> Iterator[None]:
    """Operations of PyTorch in this thread use no others. Where pictures are small, sharing them out costs more than it
    saves, and threads that wait for their next share take the cores that decoders want."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def beside(name: str) -> Iterator[ThreadPoolExecutor]:
    """A thread for what happens beside the computing, on one core, as above: the network wants the others."""
    with ThreadPoolExecutor(1, thread_name_prefix=name) as thread:
        threads = thread.submit(torch.get_num_threads).result()  # asked for once, the number is the thread's own
        thread.submit(torch.set_num_threads, 1).result()
        torch.set_num_threads(threads)  # else all threads that are yet to begin would have one, too
        yield thread


def read_ahead(items: Iterator[Item], *, depth: int, waiting: Waiting) -> Generator[Item, None, None]:
    """Yield the items, taking up to ``depth`` of them in another thread before they are asked for."""
    with beside("reading") as thread:
        ahead: deque[Future[Item | None]] = deque(thread.submit(next, items, None) for _ in range(depth))
        try:
            while True:
                began = time.perf_counter()
                item = ahead.popleft().result()
                waiting.for_reading += time.perf_counter() - began
                if item is None:
                    return
                ahead.append(thread.submit(next, items, None))
                yield item
        finally:
            thread.shutdown(cancel_futures=True)


def write_behind(
    items: Iterable[Item], first: Callable[[Item], Any], *further: Callable[[Any], Any], depth: int, waiting: Waiting
) -> None:
    """Send the items through these steps, each in a thread of its own, never more than ``depth`` behind."""
    with ExitStack() as stack:
        thread, *threads = (stack.enter_context(beside("writing")) for _ in range(1 + len(further)))
        behind: deque[Future[Any]] = deque()
        try:
            for item in items:
                if len(behind) >= depth:
                    began = time.perf_counter()
                    behind.popleft().result()
                    waiting.for_writing += time.perf_counter() - began
                done = thread.submit(first, item)
                for step, beyond in zip(further, threads, strict=True):
                    done = beyond.submit(after, done, step)
                behind.append(done)
            while behind:
                behind.popleft().result()
        finally:
            for each in (thread, *threads):
                each.shutdown(cancel_futures=True)


def after(done: Future[Item], step: Callable[[Item], Any]) -> Any:
    """The step, when the one before is done."""
    return step(done.result())
