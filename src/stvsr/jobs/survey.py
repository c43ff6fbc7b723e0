"""The whole source, seen once from afar before the work begins: every frame's time, mark and brightness; every cut.

Where segments begin, how many frames come out and when each is shown follow from this alone, so that a job is the
same job whenever and wherever it goes on.
"""

import json
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from functools import cached_property
from math import lcm
from pathlib import Path

import numpy as np

from stvsr.clip import Frame
from stvsr.inference.timeline import LONGEST_RUN, same_picture
from stvsr.jobs.levels import Levels
from stvsr.jobs.stages import on_one_core
from stvsr.jobs.watch import from_afar
from stvsr.video import VideoReader, mark_shots
from stvsr.video.container import DecodeReport
from stvsr.video.index import FrameIndex


@dataclass(kw_only=True)
class Survey:
    """What is known of a source, frame by frame: some twenty bytes each."""

    unit: Fraction
    """Seconds; every time below is a multiple."""
    ticks: array
    """When each frame appears, in units, and when the last one ends."""
    shots: array
    """The first frame of every shot."""
    index: FrameIndex
    means: array
    spreads: array
    repeats: int
    """Frames that copy the one before, in runs short enough to have been made to fill a rate."""
    report: DecodeReport

    @property
    def frames(self) -> int:
        return len(self.ticks) - 1

    def time(self, frame: int) -> Fraction:
        """When a frame appears, in seconds; ``frames`` stands for the film's end."""
        return self.ticks[frame] * self.unit

    @cached_property
    def first_frames(self) -> frozenset[int]:
        """As ``shots``, for quick look-up."""
        return frozenset(self.shots)

    def levels(self) -> Levels:
        """How bright and how varied every frame is."""
        times = array("d", (float(tick * self.unit) for tick in self.ticks[:-1]))
        return Levels(times=times, means=self.means, spreads=self.spreads)


def survey(source: Path, progress: Callable[[int], None] | None = None) -> Survey:
    """Read a film from start to end. progress: told the number of frames seen so far.

    Raises InputError where it cannot be read.
    """
    seen = _Seen(index=FrameIndex())
    with VideoReader(source) as reader, on_one_core():
        for number, frame in enumerate(mark_shots(seen.small(reader)), start=1):
            if frame.starts_shot:
                seen.shots.append(number - 1)
            if progress is not None:
                progress(number)
    unit = Fraction(1, lcm(*{time.denominator for time in seen.times}))
    return Survey(
        unit=unit,
        ticks=array("q", (int(time / unit) for time in seen.times)),
        shots=seen.shots,
        index=seen.index,
        means=seen.levels.means,
        spreads=seen.levels.spreads,
        repeats=seen.repeats,
        report=reader.report,
    )


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What has been gathered so far."""

    index: FrameIndex
    times: list[Fraction] = field(default_factory=list)
    shots: array = field(default_factory=lambda: array("q"))
    levels: Levels = field(default_factory=Levels)
    repeats: int = 0

    def small(self, reader: VideoReader) -> Iterator[Frame]:
        """The film's frames as they look from afar; everything else about them is noted down."""
        before, run, end = None, 0, Fraction(0)
        for picture, time, duration in reader.timed():
            frame = Frame(image=from_afar(picture, reader.info), time=time, duration=duration)
            self.index.add(picture, reader.info)
            self.times.append(time)
            self.levels.add(frame)
            run = run + 1 if before is not None and same_picture(before.image, frame.image) else 0
            self.repeats += 1 if 0 < run < LONGEST_RUN else 1 - LONGEST_RUN if run == LONGEST_RUN else 0
            before, end = frame, time + duration
            yield frame
        self.times.append(end)


ARRAYS = {"ticks": "q", "shots": "q", "stamps": "q", "checks": "q", "means": "d", "spreads": "d"}
STORED = {"checks": np.uint32, "means": np.float32, "spreads": np.float32}


def save(seen: Survey, path: Path) -> None:
    """Write it down, about ten bytes a frame."""
    arrays = {name: np.asarray(getattr(seen, name, None) or getattr(seen.index, name)) for name in ARRAYS}
    facts = {"unit": str(seen.unit), "repeats": seen.repeats, "report": asdict(seen.report)}
    facts["report"]["short_by"] = str(seen.report.short_by)
    with path.open("wb") as file:
        stored = {name: values.astype(STORED.get(name, np.int64)) for name, values in arrays.items()}
        np.savez_compressed(file, facts=np.array(json.dumps(facts)), **stored)  # pyright: ignore[reportArgumentType]


def load(path: Path) -> Survey:
    """Read what ``save`` wrote."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: array(kind, file[name].tolist()) for name, kind in ARRAYS.items()}
        facts = json.loads(str(file["facts"]))
    report = facts["report"] | {"short_by": Fraction(facts["report"]["short_by"])}
    return Survey(
        unit=Fraction(facts["unit"]),
        ticks=arrays["ticks"],
        shots=arrays["shots"],
        index=FrameIndex(stamps=arrays["stamps"], checks=arrays["checks"]),
        means=arrays["means"],
        spreads=arrays["spreads"],
        repeats=facts["repeats"],
        report=DecodeReport(**report),
    )
