"""Every frame of a film by its number: what it was when the film was read from the start, and the way back to it.

Seeking lies: open groups of pictures, refreshed pictures without key frames and broadcast streams give other pixels
after a jump than after reading on. So each frame is known by a checksum; where a jump does not give the very frames
that reading from the start gave, we jump further back, and in the end read from the start.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stvsr.errors import InputError
from stvsr.video.container import DecodeReport, decode, open_container, video_stream
from stvsr.video.info import VideoInfo
from stvsr.video.pictures import read_pictures
from stvsr.video.pixels import checksum

NO_STAMP = -(2**63)
RUN_UPS = (0, 300)
"""How many frames before the wanted one we jump to; the second is further than key frames usually lie apart."""


@dataclass(slots=True)
class FrameIndex:
    """The marks by which the frames of a film are known, in order of display."""

    stamps: array = field(default_factory=lambda: array("q"))
    """Presentation time stamps in the container's own ticks."""
    checks: array = field(default_factory=lambda: array("q"))
    """CRC-32 of the planes."""

    def add(self, frame: av.VideoFrame, info: VideoInfo) -> None:
        """Take note of the next frame."""
        self.stamps.append(NO_STAMP if frame.pts is None else frame.pts)
        self.checks.append(checksum(frame, info.colour))

    def can_be_sought(self) -> bool:
        """Whether every frame has a time stamp of its own."""
        return NO_STAMP not in self.stamps[:1] and all(before < after for before, after in pairwise(self.stamps))


def frames_between(path: Path, info: VideoInfo, index: FrameIndex, first: int, stop: int) -> Iterator[av.VideoFrame]:
    """The frames first ... stop - 1, as they were when the index was made.

    Raises InputError where the film no longer gives them all.
    """
    if info.container == "pictures":
        yield from read_pictures(path, info, first, stop)
        return
    at = first
    for run_up in (*(RUN_UPS if first and index.can_be_sought() else ()), None):
        with open_container(path) as container:
            for position, frame in _from(container, video_stream(container, str(path)), index, at, run_up):
                if position < at:
                    continue
                if run_up is not None and (position > at or checksum(frame, info.colour) != index.checks[at]):
                    break
                yield frame
                at += 1
                if at == stop:
                    return
    raise InputError(f"{path} gave only {at} of its {len(index.checks)} frames this time. Check the disk it lies on.")


def _from(
    container: InputContainer, stream: VideoStream, index: FrameIndex, at: int, run_up: int | None
) -> Iterable[tuple[int, av.VideoFrame]]:
    """Frames with their numbers from somewhere before ``at``; run_up None: from the start."""
    if run_up is None:
        return enumerate(decode(container, stream, DecodeReport()))
    try:
        container.seek(index.stamps[max(0, at - run_up)], stream=stream)
    except (FFmpegError, OSError):
        return ()
    return ((_number(index, frame), frame) for frame in decode(container, stream, DecodeReport()))


def _number(index: FrameIndex, frame: av.VideoFrame) -> int:
    """Which frame this is, by its time stamp; -1 for one that was not there before."""
    number = bisect_left(index.stamps, NO_STAMP if frame.pts is None else frame.pts)
    return number if number < len(index.stamps) and index.stamps[number] == frame.pts else -1
