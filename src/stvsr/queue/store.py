"""The line of jobs in one SQLite file: what it has acknowledged survives a kill or a power cut at any moment.

folder/  queue.sqlite   every job and its history
         lock           held by the one process that looks after this folder
         jobs/ID/       source (of an upload), result, progress, outcome, log, and what the command keeps to continue
"""

import fcntl
import json
import shutil
import sqlite3
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from stvsr.errors import JobError, NoSuchJobError, OutputError
from stvsr.queue.job import Job, State
from stvsr.queue.order import Order

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    key TEXT UNIQUE,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    ending TEXT NOT NULL,
    "order" TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued',
    cancelling INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    created TEXT NOT NULL,
    started TEXT,
    finished TEXT,
    error TEXT,
    result TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS line ON jobs (state, number);
"""


class Queue:
    """The jobs of a folder. One process holds a folder at a time, and may use this from many threads.

    Raises OutputError where the folder cannot be used, or another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self._guard = threading.Lock()
        try:
            (self.folder / "jobs").mkdir(parents=True, exist_ok=True)
            self._lock = open(self.folder / "lock", "w")  # noqa: SIM115  # open for as long as the queue is
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._lock.close()
            raise OutputError(
                f"{folder} is in use by another process. Stop that one, or give another folder."
            ) from error
        except OSError as error:
            raise OutputError(f"The queue cannot live in {folder}: {error.strerror}. Give another folder.") from error
        self._db = sqlite3.connect(self.folder / "queue.sqlite", check_same_thread=False, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")  # a job that was acknowledged survives a power cut
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        """Let go of the folder."""
        self._db.close()
        self._lock.close()

    def folder_of(self, id: str) -> Path:
        """Where a job keeps its files."""
        return self.folder / "jobs" / id

    def submit(self, order: Order, *, name: str, source: Path, id: str | None = None, key: str | None = None) -> Job:
        """Put a job in line; when this returns, it is on disk.

        source: an absolute path, or the name of a file in ``folder_of(id)``. key: the sender's own name for this
        submission; if a job has it already, that one is returned, and nothing is added.
        Raises OutputError where the container cannot hold what was asked for.
        """
        id = id or new_id()
        ending = order.ending(name)
        self.folder_of(id).mkdir(exist_ok=True)
        added = self._rows(
            'INSERT INTO jobs (id, key, name, source, ending, "order", created) VALUES (?, ?, ?, ?, ?, ?, ?) '
            "ON CONFLICT (key) DO NOTHING RETURNING *",
            (id, key, name, str(source), ending, order.model_dump_json(include=set(Order.model_fields)), now()),
        )
        if added:
            return self._job(added[0])
        shutil.rmtree(self.folder_of(id))
        known = self.job_of_key(key)
        assert known is not None  # only the key can conflict
        return known

    def job(self, id: str) -> Job:
        """Raises NoSuchJobError."""
        if not (rows := self._rows("SELECT * FROM jobs WHERE id = ?", (id,))):
            raise NoSuchJobError(f"There is no job {id}. It was deleted, or never was; the list has the others.")
        return self._job(rows[0])

    def job_of_key(self, key: str | None) -> Job | None:
        """The job that was submitted under this key."""
        rows = self._rows("SELECT * FROM jobs WHERE key = ?", (key,))
        return self._job(rows[0]) if rows else None

    def jobs(self, *, state: State | None = None, before: int | None = None, limit: int = 100) -> list[Job]:
        """The newest first; ``before`` a number, for the next page."""
        rows = self._rows(
            "SELECT * FROM jobs WHERE (?1 IS NULL OR state = ?1) AND (?2 IS NULL OR number < ?2) "
            "ORDER BY number DESC LIMIT ?3",
            (state, before, limit),
        )
        return [self._job(row) for row in rows]

    def cancel(self, id: str) -> Job:
        """Ask for a job's end: at once where it waits; where it runs, a worker ends its child. No files stay.

        Raises JobError if it is over.
        """
        rows = self._rows(
            "UPDATE jobs SET cancelling = 1, finished = iif(state = 'queued', ?, NULL), "
            "state = iif(state = 'queued', 'cancelled', state) "
            "WHERE id = ? AND state IN ('queued', 'running') RETURNING *",
            (now(), id),
        )
        if not rows:
            raise JobError(f"Job {id} is {self.job(id).state} already; there is nothing left to cancel.")
        return self._without_files_if_cancelled(rows)

    def delete(self, id: str) -> None:
        """Forget a job that is over, with its files. Raises JobError where it is not."""
        if not self._rows("DELETE FROM jobs WHERE id = ? AND state NOT IN ('queued', 'running') RETURNING id", (id,)):
            raise JobError(f"Job {id} is {self.job(id).state}. Cancel it before you delete it.")
        shutil.rmtree(self.folder_of(id), ignore_errors=True)  # what is left is swept at the next start

    def claim(self) -> Job | None:
        """The first in line, now running."""
        rows = self._rows(
            "UPDATE jobs SET state = 'running', started = ? "
            "WHERE number = (SELECT min(number) FROM jobs WHERE state = 'queued') RETURNING *",
            (now(),),
        )
        return self._job(rows[0]) if rows else None

    def give_back(self, job: Job, *, died: bool) -> None:
        """A running job without a child returns to its old place in line; or is over, if its end was asked for."""
        if self.job(job.id).cancelling:  # before its state tells that they are gone
            shutil.rmtree(job.folder, ignore_errors=True)
        rows = self._rows(
            "UPDATE jobs SET state = iif(cancelling, 'cancelled', 'queued'), finished = iif(cancelling, ?, NULL), "
            "deaths = deaths + ? WHERE id = ? RETURNING *",
            (now(), died, job.id),
        )
        self._without_files_if_cancelled(rows)

    def finish(self, job: Job, *, result: Mapping[str, Any] | None, error: Mapping[str, str] | None) -> None:
        """A running job is over, well or not."""
        self._rows(
            "UPDATE jobs SET state = ?, finished = ?, result = ?, error = ? WHERE id = ?",
            (State.DONE if error is None else State.FAILED, now(), as_json(result), as_json(error), job.id),
        )

    def sweep(self) -> None:
        """Remove the files that belong to no job: uploads that a kill cut short, deletions that it interrupted."""
        known = {row["id"] for row in self._rows("SELECT id FROM jobs", ())}
        for place in (self.folder / "jobs").iterdir():
            if place.name not in known:
                shutil.rmtree(place, ignore_errors=True)

    def _without_files_if_cancelled(self, rows: list[sqlite3.Row]) -> Job:
        job = self._job(rows[0])
        if job.state is State.CANCELLED:
            shutil.rmtree(job.folder, ignore_errors=True)
        return job

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[sqlite3.Row]:
        """One statement is one transaction, on disk when this returns."""
        with self._guard:
            return self._db.execute(statement, values).fetchall()

    def _job(self, row: sqlite3.Row) -> Job:
        folder = self.folder_of(row["id"])
        return Job(
            number=row["number"],
            id=row["id"],
            name=row["name"],
            source=folder / row["source"],  # an absolute source stands for itself
            target=folder / f"result{row['ending']}",
            order=Order.model_validate_json(row["order"]),
            state=State(row["state"]),
            cancelling=bool(row["cancelling"]),
            deaths=row["deaths"],
            created=row["created"],
            started=row["started"],
            finished=row["finished"],
            error=None if row["error"] is None else json.loads(row["error"]),
            result=None if row["result"] is None else json.loads(row["result"]),
        )


def new_id() -> str:
    return uuid4().hex


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def as_json(facts: Mapping[str, Any] | None) -> str | None:
    return None if facts is None else json.dumps(facts, ensure_ascii=False)
