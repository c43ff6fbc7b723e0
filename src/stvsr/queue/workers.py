"""Threads that see one job after another through. Whatever is killed, and when: no job is lost, none is done twice."""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Sequence

import psutil

from stvsr.queue import child
from stvsr.queue.job import Job, State
from stvsr.queue.store import Queue

MOST_DEATHS = 3
"""A child that ends without a word, such as one that the kernel killed for its memory, is started so often."""
GLANCE, REST = 0.2, 5.0
"""Seconds between looks at a running child; and after something that only time can mend, such as a full disk."""
log = logging.getLogger(__name__)


class Workers:
    """``count`` jobs at a time, first come, first served. ``start`` first takes up what a killed server left."""

    def __init__(
        self, queue: Queue, command: Sequence[str] = child.ENHANCE, *, count: int = 1, patience: float = 10.0
    ) -> None:
        self._queue, self._command, self._patience = queue, command, patience
        self._orphans: deque[tuple[Job, psutil.Process]] = deque()
        self._stopping, self._news = threading.Event(), threading.Event()
        self._threads = [threading.Thread(target=self._work, name=f"worker {number}") for number in range(1, count + 1)]

    def start(self) -> None:
        """Children of a killed server are adopted; jobs whose child is gone are settled, or wait in line again."""
        self._queue.sweep()
        for job in reversed(self._queue.jobs(state=State.RUNNING, limit=-1)):
            orphan = child.find(job)
            if orphan is None:
                self._settle(job, died=False)
            else:
                self._orphans.append((job, orphan))
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """Something is in line."""
        self._news.set()

    def stop(self) -> None:
        """End the children; their jobs wait in line for the next start, and continue then."""
        self._stopping.set()
        self._news.set()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                if not self._next():
                    self._news.wait(1.0)
                    self._news.clear()
            except Exception:  # a worker that dies leaves its jobs to nobody
                log.exception("a worker rests for %s s", REST)
                self._stopping.wait(REST)

    def _next(self) -> bool:
        """See one job through; False if there is none."""
        if self._orphans:
            job, process = self._orphans.popleft()
        elif (job := self._queue.claim()) is not None:
            self._news.set()  # for the other workers: there may be more
            try:
                process = child.start(job, self._command)
            except OSError as error:
                message = f"The command could not be started: {error}. See that the disk has room, and try again."
                self._queue.finish(job, result=None, error={"kind": "OutputError", "message": message})
                return True
        else:
            return False
        try:
            code = self._wait(job, process)
            self._settle(job, died=not self._stopping.is_set(), code=code)
        except sqlite3.Error:  # such as a full disk, which must not make us forget what is done
            self._orphans.append((job, process))
            raise
        return True

    def _wait(self, job: Job, process: psutil.Process) -> int | None:
        """Until the child has ended, by itself or because someone asked for it. Its exit code, if it is known."""
        while True:
            try:
                return process.wait(timeout=GLANCE)
            except psutil.TimeoutExpired:
                if self._stopping.is_set() or self._queue.job(job.id).cancelling:
                    child.end(process, self._patience)

    def _settle(self, job: Job, *, died: bool, code: int | None = None) -> None:
        """Write down how a job without a child ended; or let it wait in line again."""
        cancelling = self._queue.job(job.id).cancelling
        match child.outcome(job):
            case {"error": {"kind": str(kind), "message": str(message)}} if kind != "Interrupted" and not cancelling:
                self._queue.finish(job, result=None, error={"kind": kind, "message": message})
            case {"error": _}:  # stopped: because someone asked for it, or together with the machine
                self._queue.give_back(job, died=False)
            case {} as facts:
                self._queue.finish(job, result=facts, error=None)
            case None if died and not cancelling and job.deaths + 1 >= MOST_DEATHS:
                message = (
                    f"The command ended {MOST_DEATHS} times without a word, last with exit code {code}. Memory that "
                    f"ran out is the usual cause; {child.LOG} in the job's folder may tell more."
                )
                self._queue.finish(job, result=None, error={"kind": "InternalError", "message": message})
            case None:
                self._queue.give_back(job, died=died)
