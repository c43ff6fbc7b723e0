"""Many films, one after another: a bad one does not stop the others, and what is done is not done again."""

import glob
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from stvsr.errors import InputError, OutputError, STVSRError
from stvsr.jobs.charter import charter
from stvsr.jobs.plan import EnhanceSettings, default_target, make_plan
from stvsr.jobs.provenance import provenance_of
from stvsr.jobs.result import Progress
from stvsr.jobs.run import enhance
from stvsr.video import probe

FILMS = (
    ".mp4",
    ".m4v",
    ".mov",
    ".mkv",
    ".webm",
    ".avi",
    ".ts",
    ".m2ts",
    ".mts",
    ".mpg",
    ".mpeg",
    ".vob",
    ".wmv",
    ".flv",
)
"""Which files of a folder are taken for films."""
JOB_FILE = ".jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One film of a batch."""

    source: str
    target: str | None = None
    """None: beside the source, or in the batch's own folder."""
    options: Mapping[str, Any]
    """What differs from the batch's options, by their names on the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """How one film ended."""

    source: str
    target: str | None
    status: Literal["done", "done before", "failed"]
    error: str | None
    seconds: float


def tasks_of(sources: Sequence[str]) -> list[Task]:
    """Every film that is meant: files, folders of films (or of pictures, as one film), patterns, and job files.

    Results of ours are left out of folders and patterns.

    A job file (.jsonl) holds a JSON object in every line: "source", "target" and "options" (both may be missing).
    Raises InputError where a job file cannot be read or a pattern fits nothing.
    """
    return [task for text in sources for task in _tasks_of(text)]


def _tasks_of(text: str) -> Iterator[Task]:
    path = Path(text)
    if path.suffix == JOB_FILE:
        yield from _lines_of(path)
    elif path.is_dir() and (films := sorted(one for one in path.iterdir() if _is_film(one) and not _is_ours(one))):
        yield from (Task(source=str(film), options={}) for film in films)
    elif not path.exists() and glob.has_magic(text):
        found = sorted(glob.glob(text, recursive=True))
        if not found:
            raise InputError(f"Nothing fits {text}. Check the pattern, and quote it.")
        yield from (Task(source=one, options={}) for one in found if not _is_ours(Path(one)))
    else:
        yield Task(source=text, options={})


def _is_film(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in FILMS and not path.name.startswith(".")


def _is_ours(path: Path) -> bool:
    """Whether it is the result of an earlier run, lying beside its source."""
    try:
        return path.is_file() and provenance_of(path) is not None
    except STVSRError:
        return False  # whatever it is, it is tried and reported


def _lines_of(path: Path) -> Iterator[Task]:
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The job file {path} cannot be read: {error}.") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            facts = json.loads(line)
            yield Task(source=str(facts["source"]), target=facts.get("target"), options=dict(facts.get("options", {})))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(
                f'Line {number} of {path} is not a job ({error!r}). Write {{"source": "a.mp4", "target": "b.mp4"}}.'
            ) from error


def run_batch(
    tasks: Sequence[Task],
    settings_for: Callable[[Mapping[str, Any]], EnhanceSettings],
    *,
    folder: Path | None = None,
    restart: bool = False,
    progress: Callable[[Progress], None] | None = None,
    on_start: Callable[[Task], None] | None = None,
) -> Iterator[TaskResult]:
    """Enhance one film after another; yields each one's end as it comes, and raises for none of them.

    settings_for: the settings for a task's own options. folder: where results go that have no target of their own.
    A result that is there already, made of this source with these settings, is left as it is.
    """
    for task in tasks:
        if on_start is not None:
            on_start(task)
        began, target, status, said = time.perf_counter(), task.target, "done", None
        try:
            settings = settings_for(task.options)
            target = target or (None if folder is None else str(_home(task.source, folder, settings)))
            if done := _done_before(task.source, target, settings):
                target, status = str(done), "done before"
            else:
                target = str(enhance(task.source, target, settings, restart=restart, progress=progress).output)
        except STVSRError as error:
            status, said = "failed", str(error)
        except Exception as error:
            if os.environ.get("STVSR_DEBUG"):
                traceback.print_exc()
            status, said = "failed", f"{type(error).__name__}: {error}. This is a mistake in stvsr, not yours."
        yield TaskResult(
            source=task.source, target=target, status=status, error=said, seconds=time.perf_counter() - began
        )


def _home(source: str, folder: Path, settings: EnhanceSettings) -> Path:
    """The result's default name, in the batch's folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder {folder} could not be made: {error.strerror}. Choose another.") from error
    return folder / default_target(Path(source), probe(source), settings).name


def _done_before(source: str, target: str | None, settings: EnhanceSettings) -> Path | None:
    """The result of an earlier run of the same batch, as its own words tell."""
    info = probe(source)
    plan = make_plan(source, info, target, settings)
    if plan.is_folder or not plan.target.is_file():
        return None
    try:
        told = provenance_of(plan.target)
    except STVSRError:
        return None
    terms = charter(Path(source), settings, plan)
    same = told is not None and all(told.get(part) == terms[part] for part in ("source", "settings", "weights"))
    return plan.target if same else None
