"""Which moment of a film is the hardest: where its pictures differ most from their neighbours.

That is fast motion of fine detail; what is flat or still is easy at any speed. Cuts are no motion.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from stvsr.clip import Frame
from stvsr.errors import InputError
from stvsr.jobs.watch import from_afar
from stvsr.video import VideoInfo, mark_shots, probe
from stvsr.video.container import DecodeReport, decode, open_container, video_stream
from stvsr.video.pixels import to_rgb

LENGTH = Fraction(2)
"""Seconds of a moment."""
MOST_LOOKED_AT = 30
"""So many stretches of a long film are looked at, spread evenly; a film of a minute is seen whole."""


def hardest(source: Path) -> tuple[Fraction, Fraction]:
    """When the hardest two seconds of a film begin and end, in seconds of its own clock; shorter in a short film.

    They hold no cut if any two seconds looked at do not. Raises InputError where nothing can be decoded.
    """
    info = probe(source)
    best: tuple[bool, float, Fraction, Fraction] | None = None
    for start, end in stretches(info):
        seen = list(mark_shots(small_frames(source, info, start, end)))
        changes = [
            (before.time, 0.0 if after.starts_shot else float((after.image - before.image).abs().mean()))
            for before, after in pairwise(seen)
        ]
        cuts = [frame.time for frame in seen[1:] if frame.starts_shot]
        last = seen[-1].time + seen[-1].duration if seen else end
        for frame in seen[:: max(1, len(seen) // 60)]:
            begin = max(min(frame.time, last - LENGTH), seen[0].time)
            stop = min(begin + LENGTH, last)
            whole = not any(begin < cut < stop for cut in cuts)
            change = sum(change for time, change in changes if begin <= time < stop)
            if best is None or (whole, change) > best[:2]:
                best = whole, change, begin, stop
    if best is None:
        raise InputError(f"{source} holds no picture that can be decoded. Check that it plays elsewhere.")
    return best[2], best[3]


def stretches(info: VideoInfo) -> Iterator[tuple[Fraction, Fraction]]:
    """From when to when to look, in seconds."""
    length, start = info.duration, info.start_time
    if length is None or length <= MOST_LOOKED_AT * LENGTH:
        yield start, start + (length or MOST_LOOKED_AT * LENGTH)
        return
    for number in range(MOST_LOOKED_AT):
        begin = start + (length - LENGTH) * number / (MOST_LOOKED_AT - 1)
        yield begin, begin + LENGTH


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
