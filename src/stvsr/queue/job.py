"""A job as the queue knows it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from stvsr.queue.order import Order


class State(StrEnum):
    """Where a job is on its way. The last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One film to enhance."""

    number: int
    """Its place in line; ascends with time."""
    id: str
    """32 hexadecimal digits that nobody can guess."""
    name: str
    """What people call the film: the name of the uploaded file, or of the file on this machine."""
    source: Path
    target: Path
    order: Order
    state: State
    cancelling: bool
    """Whether someone asked for its end; the child may still be on its way out."""
    deaths: int
    """How often its child ended without a word."""
    created: str
    """ISO 8601, UTC, as all times here."""
    started: str | None
    """When it was last taken up."""
    finished: str | None
    error: Mapping[str, str] | None
    """``kind`` and ``message``, as the command prints them."""
    result: Mapping[str, Any] | None
    """What ``stvsr enhance --json`` printed."""

    @property
    def folder(self) -> Path:
        """Everything about this job that is not in the database; the job's own, and gone with it."""
        return self.target.parent

    @property
    def uploaded(self) -> bool:
        """Whether the source is a copy of our own."""
        return self.source.parent == self.folder
