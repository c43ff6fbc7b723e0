"""Jobs for the queue that take milliseconds, and what became of them."""

import sys
import time

import stub_enhance
from stvsr.queue import Job, Queue, State

STUB = (sys.executable, "-S", "-E", stub_enhance.__file__)
"""A command in the place of ``stvsr enhance``."""


def completions(queue: Queue) -> list[str]:
    """The jobs that a child did to the end, one line for each time."""
    file = queue.folder / "completions"
    return file.read_text().split() if file.exists() else []


def wait_for(queue: Queue, job: Job, state: State) -> Job:
    """The job, once it has this state."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (seen := queue.job(job.id)).state is state:
            return seen
        time.sleep(0.02)
    raise AssertionError(f"{queue.job(job.id)} never came to be {state}")
