"""What a finished film must hold, gathered while its frames pass by, or from its source alone."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from stvsr.clip import Frame
from stvsr.inference import Target
from stvsr.jobs.levels import Levels
from stvsr.jobs.plan import Plan, count_out
from stvsr.jobs.sound import Span, spans_of_sound
from stvsr.video import VideoInfo, VideoReader
from stvsr.video.colour import Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a finished film must hold. What is None is not checked."""

    frames: int | None = None
    times: Sequence[float] | None = None
    """When each picture appears, in seconds; only the distance from the first one counts."""
    duration: Fraction | None = None
    """From the first picture's appearance to the last one's end, in seconds."""
    size: tuple[int, int] | None = None
    """Width and height of the stored picture; a codec may add a row and a column to an odd size."""
    sample_aspect_ratio: Fraction | None = None
    rotation: int | None = None
    streams: Counter[str] | None = None
    """How many streams beside the picture there must be at least, by kind, such as audio or subtitle."""
    sound: tuple[Span, ...] | None = None
    """When each sound track begins and ends, in seconds from the first picture."""
    colour: Colour | None = None
    levels: Levels | None = None
    """Of the source's pictures."""
    stretch: int = 1
    """How many times slower the film runs than its source."""


@dataclass(slots=True)
class Record:
    """What went by: a few bytes per frame."""

    levels: Levels = field(default_factory=Levels)
    """Of the pictures that came in."""
    start: Fraction = Fraction(0)
    end: Fraction = Fraction(0)
    times: array = field(default_factory=lambda: array("d"))
    """Of the pictures that went out."""

    def frame_in(self, frame: Frame) -> None:
        """Take note of a picture of the source."""
        if not self.levels.times:
            self.start = frame.time
        self.end = frame.time + frame.duration
        self.levels.add(frame)

    def frame_out(self, frame: Frame) -> None:
        """Take note of a picture that will be written."""
        self.times.append(float(frame.time))

    @property
    def frames_in(self) -> int:
        return len(self.levels.times)

    @property
    def frames_out(self) -> int:
        return len(self.times)


def expectation(record: Record, info: VideoInfo, plan: Plan, target: Target, dropped: Sequence[str]) -> Expectation:
    """What must come of a source that was read to its end, by arithmetic on what came in.

    dropped: the writer's words for what the target cannot hold; they begin with a stream's kind, or "pixel shape".
    """
    length = record.end - record.start
    frames = count_out(target, record.frames_in, length)
    common = Expectation(frames=frames, times=record.times, levels=record.levels, stretch=target.slow_motion)
    if plan.is_folder:  # pictures are stored as they are shown, and have no clock
        return replace(common, size=plan.size[::-1] if info.rotation % 180 else plan.size)
    along = tuple(stream for stream in info.streams if plan.writing.copy_streams and stream.kind != "data")
    sounding = any(stream.kind == "audio" for stream in along)
    return replace(
        common,
        duration=length * target.slow_motion if target.fps is None else frames / Fraction(target.fps),
        size=plan.size,
        sample_aspect_ratio=None
        if any(word.startswith("pixel shape") for word in dropped)
        else info.sample_aspect_ratio,
        rotation=info.rotation,
        streams=Counter(stream.kind for stream in along) - Counter(word.split()[0] for word in dropped),
        sound=spans_of_sound(Path(info.path), info.start_time) if sounding else None,
        colour=info.colour,
    )


def expectation_of(source: Path) -> Expectation:
    """What a film made from this one must hold, whatever its size and rate. Reads every picture."""
    record = Record()
    with VideoReader(source) as reader:
        for frame in reader.frames():
            record.frame_in(frame)
        info = reader.info
    return Expectation(
        duration=record.end - record.start,
        sample_aspect_ratio=info.sample_aspect_ratio,
        rotation=info.rotation,
        sound=spans_of_sound(source, info.start_time),
        colour=info.colour,
        levels=record.levels,
    )
