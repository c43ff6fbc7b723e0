"""The hardest moment of a film, found soon enough to wait for, however long the film.

What is hard, ``stvsr.jobs.preview`` says; here it is looked for in small pictures, and in parts of a long film only.
"""

from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from pathlib import Path

import av

from stvsr.clip import Frame
from stvsr.errors import InputError
from stvsr.jobs.preview import LONGEST, Look, Moment, detail, hardest
from stvsr.jobs.watch import from_afar
from stvsr.video import VideoInfo, mark_shots, probe
from stvsr.video.container import DecodeReport, decode, open_container, video_stream
from stvsr.video.pixels import to_rgb

MOST_LOOKED_AT = 30
"""So many stretches of a long film are looked at, spread evenly; a film of a minute is seen whole."""


def hardest_moment(source: Path) -> Moment:
    """Two seconds of one shot, or less where no shot is as long. Raises InputError where nothing can be decoded."""
    info = probe(source)
    moments = [moment for begin, end in stretches(info) for moment in moments_of(source, info, begin, end)]
    if not moments:
        raise InputError(f"{source} holds no picture that can be decoded. Check that it plays elsewhere.")
    return max(moments, key=lambda moment: moment.hardness)


def moments_of(source: Path, info: VideoInfo, begin: Fraction, end: Fraction) -> Iterator[Moment]:
    """The hardest moment of each shot in a stretch."""
    looks: list[Look] = []
    shot, before = 0, None
    for frame in mark_shots(small_frames(source, info, begin, end)):
        shot += frame.starts_shot
        moved = 0.0 if before is None or frame.starts_shot else float((frame.image - before).abs().mean())
        score = moved * detail(frame.image)
        looks.append(Look(shot=shot, begin=frame.time, end=frame.time + frame.duration, score=score))
        before = frame.image
    for _, run in groupby(looks, lambda look: look.shot):
        yield hardest(list(run))


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
