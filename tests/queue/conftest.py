"""A queue in a folder of its own, and workers that run a stub."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from made_jobs import STUB
from stvsr.queue import Job, Order, Queue, Workers


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    queue = Queue(tmp_path / "queue")
    yield queue
    queue.close()


@pytest.fixture
def submit(queue: Queue, tmp_path: Path) -> Callable[[str], Job]:
    """``submit("wait 0.2")``."""

    def submit(what: str) -> Job:
        source = tmp_path / f"{what}.mp4"
        source.write_text(what)
        return queue.submit(Order(), name=source.name, source=source)

    return submit


@pytest.fixture
def workers(queue: Queue) -> Iterator[Workers]:
    """One worker, not yet started."""
    workers = Workers(queue, STUB, patience=0.3)
    yield workers
    if any(thread.is_alive() for thread in workers._threads):
        workers.stop()
