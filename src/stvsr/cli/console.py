"""What goes where: results to stdout, everything else to stderr; with ``--json`` one object, and nothing more."""

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich
import rich.box
import rich.table
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

if TYPE_CHECKING:
    from stvsr.jobs.result import Progress

WRITE_EVERY = 0.5
"""Seconds."""


def say(message: str) -> None:
    """A line for the reader, never for a program."""
    print(message, file=sys.stderr, flush=True)


def emit(facts: Mapping[str, Any]) -> None:
    """The one object that ``--json`` promises."""
    print(json.dumps(facts, default=plain, ensure_ascii=False, allow_nan=False), flush=True)


def fail(kind: str, message: str, *, code: int, as_json: bool) -> int:
    """One message, and the exit code that belongs to it."""
    say(f"error: {message}")
    if as_json:
        emit({"error": {"kind": kind, "message": message}})
    return code


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns for the reader's eye, on stdout."""
    columns = rich.table.Table(*head, box=rich.box.SIMPLE_HEAD)
    for row in rows:
        columns.add_row(*map(Text, row))  # not markup: [train] is meant literally
    rich.print(columns)


class Bar:
    """Progress on a terminal: frames per second, time left, and the stage that the others wait for. Else silent.

    Programs that watch this one name a file in STVSR_PROGRESS; it holds the latest ``Progress`` as one JSON object.
    """

    def __init__(self) -> None:
        self.file, self.written = os.environ.get("STVSR_PROGRESS"), float("-inf")
        self.bar = RichProgress(
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]:.2f} frames/s"),
            TimeRemainingColumn(),
            TextColumn("waiting for {task.fields[bottleneck]}"),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
            transient=True,
        )
        self.task = self.bar.add_task("", total=None, pace=0.0, bottleneck="reading")

    def __enter__(self) -> "Bar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def show(self, progress: "Progress") -> None:
        self.bar.update(
            self.task,
            completed=progress.frames_out,
            total=progress.frames_expected,
            pace=progress.frames_out / max(progress.seconds, 1e-9),
            bottleneck=progress.bottleneck,
        )
        if self.file is not None and time.monotonic() - self.written >= WRITE_EVERY:
            self.written = time.monotonic()
            with suppress(OSError):  # whoever watches must not hurt the work
                Path(f"{self.file}.part").write_text(json.dumps(asdict(progress), default=plain))
                os.replace(f"{self.file}.part", self.file)


class Share:
    """Progress on a terminal, as a share of the whole and what is being done. Else silent."""

    def __init__(self) -> None:
        self.bar = RichProgress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True)
        self.task = self.bar.add_task("", total=1.0)

    def __enter__(self) -> "Share":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def show(self, share: float, what: str) -> None:
        self.bar.update(self.task, completed=share, description=what)


def plain(value: object) -> object:
    """What JSON cannot hold: exact seconds become numbers, paths become text."""
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
