"""What is hard in a film: where a shot moves much and shows much detail.

``moments_of`` looks at whole frames; ``hardest_moment`` at small ones, and at parts only of a long film, so that it can
be waited for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Frame
from stvsr.errors import InputError
from stvsr.jobs.watch import from_afar
from stvsr.video import VideoInfo, mark_shots, probe
from stvsr.video.container import DecodeReport, decode, open_container, video_stream
from stvsr.video.pixels import to_rgb

LONGEST = Fraction(2)
"""Seconds of a moment."""
MOST_LOOKED_AT = 30
"""So many stretches of a long film are looked at, spread evenly; a film of a minute is seen whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A stretch of one shot, in seconds of the film's clock."""

    begin: Fraction
    end: Fraction
    hardness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A frame of which only this is kept: the number of its shot, its seconds, and how much it moves and shows."""

    shot: int
    begin: Fraction
    end: Fraction
    score: float


def hardest_moment(source: Path) -> Moment:
    """Two seconds of one shot, or less where no shot is as long. Raises InputError where nothing can be decoded."""
    info = probe(source)
    moments = [
        moment for begin, end in stretches(info) for moment in moments_of(small_frames(source, info, begin, end))
    ]
    if not moments:
        raise InputError(f"{source} holds no picture that can be decoded. Check that it plays elsewhere.")
    return max(moments, key=lambda moment: moment.hardness)


def moments_of(frames: Iterable[Frame]) -> Iterator[Moment]:
    """The hardest moment of each shot."""
    looks: list[Look] = []
    shot, before = 0, None
    for frame in mark_shots(frames):
        shot += frame.starts_shot
        moved = 0.0 if before is None or frame.starts_shot else float((frame.image - before).abs().mean())
        score = moved * detail(frame.image)
        looks.append(Look(shot=shot, begin=frame.time, end=frame.time + frame.duration, score=score))
        before = frame.image
    for _, run in groupby(looks, lambda look: look.shot):
        yield hardest(list(run))


def detail(image: Float[Tensor, "c h w"]) -> float:
    """How much neighbouring pixels differ."""
    return float((image[..., 1:] - image[..., :-1]).abs().mean() + (image[:, 1:] - image[:, :-1]).abs().mean()) + 1e-6


def hardest(shot: Sequence[Look]) -> Moment:
    """The stretch of a shot, two seconds at most, in which the scores add up to the most."""
    best, first = Moment(begin=shot[0].begin, end=shot[0].end, hardness=shot[0].score), 0
    total = 0.0
    for index, look in enumerate(shot):
        total += look.score
        while look.end - shot[first].begin > LONGEST and first < index:
            total -= shot[first].score
            first += 1
        if total >= best.hardness:
            best = Moment(begin=shot[first].begin, end=look.end, hardness=total)
    return best


def stretches(info: VideoInfo) -> Iterator[tuple[Fraction, Fraction]]:
    """From when to when to look, in seconds."""
    length, start = info.duration, info.start_time
    if length is None or length <= MOST_LOOKED_AT * LONGEST:
        yield start, start + (length or MOST_LOOKED_AT * LONGEST)
        return
    for number in range(MOST_LOOKED_AT):
        begin = start + (length - LONGEST) * number / (MOST_LOOKED_AT - 1)
        yield begin, begin + LONGEST


def small_frames(source: Path, info: VideoInfo, start: Fraction, end: Fraction) -> Iterator[Frame]:
    """The frames of a stretch as they look from afar."""
    for picture, time, duration in pictures(source, info, start, end):
        yield Frame(image=from_afar(picture, info), time=time, duration=duration)


def frames(source: Path, start: Fraction, end: Fraction) -> Iterator[Frame]:
    """The frames of a stretch, RGB in [0, 1], times as in the film."""
    info = probe(source)
    for picture, time, duration in pictures(source, info, start, end):
        yield Frame(image=to_rgb(picture, info.colour), time=time, duration=duration)


def pictures(
    source: Path, info: VideoInfo, start: Fraction, end: Fraction
) -> Iterator[tuple[av.VideoFrame, Fraction, Fraction]]:
    """Decoded pictures with their times and durations, found by seeking: near enough to show them."""
    usual = 1 / (info.average_rate or Fraction(24))
    with open_container(source) as container:
        stream = video_stream(container, str(source))
        if start > info.start_time and stream.time_base:
            container.seek(int(start / stream.time_base), stream=stream)
        for picture in decode(container, stream, DecodeReport()):
            if picture.pts is None or picture.time_base is None:
                continue
            time = picture.pts * picture.time_base
            if time >= end:
                return
            if time >= start:
                yield picture, time, (picture.duration or 0) * picture.time_base or usual
