"""Films that were dropped on the page, and what lies beside them until a job takes them.

folder/ID/  name            what its owner calls it
            source.EXT      the film
            moment.mp4      its hardest two seconds, once a preview was asked for
"""

import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stvsr.errors import InputError, NoSuchJobError
from stvsr.queue import Job, Order, Queue
from stvsr.queue.store import new_id
from stvsr.service.sources import plain_name, safe_ending

KEPT = 7 * 86400
"""Seconds that a film lies on the desk; jobs have their own hold on theirs."""


@dataclass(frozen=True, slots=True)
class Film:
    """A film on the desk."""

    id: str
    name: str
    path: Path

    @property
    def moment(self) -> Path:
        """Where its hardest two seconds are kept."""
        return self.path.parent / "moment.mp4"


class Desk:
    """The films of a folder, and those of the jobs in a queue."""

    def __init__(self, folder: Path, queue: Queue) -> None:
        self.folder, self._queue = folder, queue
        folder.mkdir(parents=True, exist_ok=True)

    def place(self, name: str) -> Film:
        """A place for a new film, which the caller fills."""
        film = Film(new_id(), plain_name(name), Path())
        folder = self.folder / film.id
        folder.mkdir()
        (folder / "name").write_text(film.name, encoding="utf-8", errors="replace")
        return Film(film.id, film.name, folder / f"source{safe_ending(film.name)}")

    def film(self, id: str) -> Film:
        """A film that was dropped, or that of a job by the job's id. Raises InputError where it is not here."""
        if not re.fullmatch("[0-9a-f]{32}", id):
            raise InputError(f"{id} is no film's address. Drop the film again.")
        if found := sorted((self.folder / id).glob("source*")):
            return Film(id, (found[0].parent / "name").read_text(encoding="utf-8"), found[0])
        with suppress(NoSuchJobError):
            job = self._queue.job(id)
            if job.source.is_file():
                return Film(id, job.name, job.source)
        raise InputError(f"The film is not here any more; it is kept for {KEPT // 86400} days. Drop it again.")

    def remove(self, film: Film) -> None:
        shutil.rmtree(self.folder / film.id, ignore_errors=True)

    def submit(self, film: Film, order: Order) -> Job:
        """Give the film to a job of its own, without copying where the disk can share."""
        id = new_id()
        folder = self._queue.folder_of(id)
        folder.mkdir()
        source = folder / film.path.name
        share(film.path, source)
        return self._queue.submit(order, name=film.name, source=source, id=id)

    def sweep(self) -> None:
        """Remove what has lain here too long."""
        for folder in self.folder.iterdir():
            if folder.stat().st_mtime < time.time() - KEPT:
                shutil.rmtree(folder, ignore_errors=True)


def share(file: Path, other: Path) -> None:
    """The same bytes under a second name, on the same disk as a rule."""
    try:
        os.link(file, other)
    except OSError:  # a disk that cannot share
        shutil.copyfile(file, other)
