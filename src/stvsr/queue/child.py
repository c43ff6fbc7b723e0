"""The command that does a job, as a process of its own. It outlives whoever started it, and is found again by a mark.

What it says goes to files in the job's folder, so that a server which comes back reads on where the old one was killed.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import psutil

from stvsr.queue.job import Job

ENHANCE = (sys.executable, "-P", "-m", "stvsr", "enhance")
"""Takes SOURCE, TARGET and options; with ``--json``, its last word is one object on stdout."""
MARK = "STVSR_JOB"
"""The environment variable that holds a child's job. It is there from the child's first moment, unlike a noted id."""
OUTCOME, PROGRESS, LOG = "outcome.json", "progress.json", "log.txt"


def start(job: Job, command: Sequence[str]) -> psutil.Process:
    """Begin, or continue, a job. Raises OSError where no process can be had."""
    job.folder.mkdir(exist_ok=True)
    with open(job.folder / OUTCOME, "wb") as outcome, open(job.folder / LOG, "ab") as log:
        return psutil.Popen(
            [*command, str(job.source), str(job.target), *job.order.arguments(), "--json"],
            stdin=subprocess.DEVNULL,
            stdout=outcome,
            stderr=log,
            cwd=job.folder,
            env=os.environ | {MARK: job.id, "STVSR_PROGRESS": str(job.folder / PROGRESS)},
            start_new_session=True,  # a group of its own, which Ctrl-C on the server's terminal does not reach
        )


def find(job: Job) -> psutil.Process | None:
    """The process that a server which is no more started for this job, if it still lives."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == job.id and os.getpgid(process.pid) == process.pid:
                return process
    return None


def end(child: psutil.Process, patience: float) -> None:
    """Ask the child and its helpers to end; after so many seconds, make them."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
        with suppress(psutil.TimeoutExpired):
            child.wait(timeout=patience)
        os.killpg(child.pid, signal.SIGKILL)  # also a helper that its parent left behind
    child.wait()


def progress(job: Job) -> dict[str, Any] | None:
    """How far the child is, in its own words."""
    return read_object(job, PROGRESS)


def outcome(job: Job) -> dict[str, Any] | None:
    """The child's last word: facts about the film, or ``{"error": {"kind", "message"}}``; None if it had none.

    A film has its name only when it is finished and proven, so one without a last word is finished all the same.
    """
    said = read_object(job, OUTCOME)
    return said if said is not None or not job.target.exists() else {"output": str(job.target)}


def read_object(job: Job, name: str) -> dict[str, Any] | None:
    """What a file holds; None if it is missing or was cut short."""
    try:
        held = json.loads((job.folder / name).read_bytes())
    except (OSError, ValueError):
        return None
    return held if isinstance(held, dict) else None
