"""What a job keeps on disk, so that it can be killed at any moment and goes on where it was.

A hidden folder beside the target, gone when the work is done:

    job.json            what the job is: source, settings, weights, versions
    survey.npz          what the source is, frame by frame
    00007.mp4           a finished segment: complete, on disk to stay, and only then given this name
    00007.json          its record: size, checksum, frames; what has no record is not finished
    film.mp4            the segments joined; 00007.places tells how to get a segment back out of it
    joined.json         the join is complete
    result.json         the proof is complete: only the name is missing
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from stvsr.errors import OutputError, SettingsError
from stvsr.inference import Target
from stvsr.jobs import survey
from stvsr.jobs.lock import locked
from stvsr.jobs.plan import Plan
from stvsr.jobs.segments import Outcome, Segment, outcome, segments
from stvsr.jobs.survey import Survey
from stvsr.video import VideoInfo

PIECE = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a finished segment."""

    frames: int
    bytes: int
    sha256: str
    end: Fraction
    """When its last picture ends, in seconds."""
    delay: int
    """By how many packets its decoding runs ahead of display."""
    tile: int | None
    """The edge of a tile as it stood at the end; later segments go on with it."""
    seconds: float
    remarks: tuple[str, ...]
    """What happened while rendering."""
    dropped: tuple[str, ...]
    """What the target cannot hold."""


@dataclass(kw_only=True)
class Job:
    """One film to be made, and how far it is. Any process that can read the source and the folder can work on it."""

    source: Path
    info: VideoInfo
    plan: Plan
    target: Target
    survey: Survey
    folder: Path

    @cached_property
    def outcome(self) -> Outcome:
        return outcome(self.survey, self.target)

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        plan = self.plan
        return segments(self.survey, self.outcome.counts, self.target, plan.layout, plan.step, plan.segment)

    @property
    def suffix(self) -> str:
        return "" if self.plan.is_folder else self.plan.target.suffix

    @property
    def film(self) -> Path:
        """The segments, joined."""
        return self.folder / f"film{self.suffix}"

    def path_of(self, index: int, suffix: str | None = None) -> Path:
        """A segment's file, or one that belongs to it."""
        return self.folder / f"{index:05d}{self.suffix if suffix is None else suffix}"

    def record_of(self, index: int) -> Record | None:
        """A segment's record, if it is finished."""
        facts = read_facts(self.path_of(index, ".json"))
        if facts is None:
            return None
        facts["remarks"], facts["dropped"] = tuple(facts["remarks"]), tuple(facts["dropped"])
        facts["end"] = Fraction(facts["end"])
        return Record(**facts)

    def publish(self, index: int, path: Path, record: Record) -> None:
        """Take a complete file for this segment: whatever happens meanwhile, it is finished or it is not."""
        keep(path)
        if self.path_of(index).is_dir():
            shutil.rmtree(self.path_of(index))
        os.replace(path, self.path_of(index))
        write_facts(self.path_of(index, ".json"), asdict(record))

    def check(self) -> int:
        """Forget the segments whose files are not what their records say. Returns how many are finished."""
        if self.plan.is_folder and self.film.exists():  # their pictures are being moved: all were finished
            return len(self.segments)
        finished = 0
        for segment in self.segments:
            record = self.record_of(segment.index)
            if record is not None and (record.bytes, record.sha256) == measure(self.path_of(segment.index)):
                finished += 1
            else:
                self.path_of(segment.index, ".json").unlink(missing_ok=True)
        return finished


@contextmanager
def opened(folder: Path, charter: Mapping[str, Any], *, restart: bool) -> Iterator[None]:
    """Make or find the job's folder, and keep it to ourselves meanwhile.

    A folder in which nothing is finished is removed at the end. Raises SettingsError where an unfinished job with
    another charter lies there, OutputError where another process works on it or the folder cannot be made.
    """
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.parent / charter['target']['name']} could not be written: {error.strerror}."
        ) from error
    with locked(folder / "lock"):
        stored = read_facts(folder / "job.json")
        if stored is not None and (restart or stored != charter):
            if not restart and any(folder.glob("[0-9]*.json")):
                raise SettingsError(
                    f"An unfinished job with other settings lies in {folder}: {differences(stored, charter)}. Give "
                    f"the settings of then to go on with it, or --restart to begin anew."
                )
            empty(folder)
        if read_facts(folder / "job.json") is None:
            empty(folder)
            write_facts(folder / "job.json", charter)
        try:
            yield
        finally:
            if not any(folder.glob("[0-9]*.json")) and not (folder / "result.json").exists():
                shutil.rmtree(folder, ignore_errors=True)


def empty(folder: Path) -> None:
    """Remove all but the lock."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name != "lock":
            path.unlink()


def differences(stored: Mapping[str, Any], charter: Mapping[str, Any]) -> str:
    """What differs, in words."""
    words = []
    for part in charter:
        then, now = stored.get(part) or {}, charter[part]
        words += [
            f"{part} {name}: {then.get(name)}, now {now.get(name)}"
            for name in sorted({*then, *now})
            if then.get(name) != now.get(name)
        ]
    return "; ".join(words)


def surveyed(source: Path, folder: Path, progress: Any = None) -> Survey:
    """The job's survey of its source, made now if it is not there."""
    path = folder / "survey.npz"
    if path.exists():
        with suppress(OSError, ValueError, KeyError, EOFError):
            return survey.load(path)
    found = survey.survey(source, progress)
    partial = path.with_suffix(".partial")
    survey.save(found, partial)
    keep(partial)
    os.replace(partial, path)
    return survey.load(path)


def identity(source: Path) -> dict[str, Any]:
    """What tells a source from any other, without reading all of it."""
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.is_file())
        listing = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]
        return {"name": source.resolve().name, "listing": hashlib.sha256(json.dumps(listing).encode()).hexdigest()}
    status = source.stat()
    with source.open("rb") as file:
        head = file.read(PIECE)
        file.seek(max(0, status.st_size - PIECE))
        ends = hashlib.sha256(head + file.read(PIECE)).hexdigest()
    return {"name": source.resolve().name, "size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256_ends": ends}


def measure(path: Path) -> tuple[int, str] | None:
    """Size and SHA-256 of a file, or of the files of a folder one after another; None where there is none."""
    size, digest = 0, hashlib.sha256()
    try:
        for one in sorted(path.iterdir()) if path.is_dir() else [path]:
            with one.open("rb") as file:
                while piece := file.read(PIECE):
                    size += len(piece)
                    digest.update(piece)
    except OSError:
        return None
    return size, digest.hexdigest()


def keep(path: Path) -> None:
    """Have the system write a file (or a folder's files) to the disk itself, where a power failure does not reach."""
    for one in [*path.iterdir(), path] if path.is_dir() else [path, path.parent]:
        if one.is_dir() and os.name == "nt":  # Windows opens no folders
            continue
        handle = os.open(one, os.O_RDONLY if one.is_dir() else os.O_RDWR)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read_facts(path: Path) -> dict[str, Any] | None:
    """A JSON file, if it is there and whole."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text())
    return None


def write_facts(path: Path, facts: Mapping[str, Any]) -> None:
    """A JSON file, whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(json.dumps(facts, default=str))
        keep(partial)
        os.replace(partial, path)
        keep(path)
    except OSError as error:
        raise OutputError(
            f"{path} could not be written: {error.strerror}. Free some space, and run it again."
        ) from error
