"""Frames of a film in the order of display, each with its exact time; nothing is lost in silence."""

import sys
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from stvsr.clip import Frame
from stvsr.errors import InputError
from stvsr.video import pixels
from stvsr.video.container import DecodeReport, decode, open_container, video_stream
from stvsr.video.deinterlace import deinterlaced
from stvsr.video.info import VideoInfo
from stvsr.video.pictures import read_pictures
from stvsr.video.probe import describe, probe


def read_frames(source: str | Path) -> Iterator[Frame]:
    """The frames of a video file, a folder of pictures, or "-" (y4m on standard input).

    Raises InputError where there is nothing to read. ``VideoReader`` also tells what could not be decoded.
    """
    with VideoReader(source) as reader:
        yield from reader.frames()


class VideoReader:
    """An opened film: ``info`` says what it is, ``frames()`` reads it once, ``report`` counts what went wrong."""

    info: VideoInfo
    report: DecodeReport

    def __init__(self, source: str | Path, *, deinterlace: bool = False) -> None:
        self.report = DecodeReport()
        self._source, self._deinterlace = source, deinterlace
        if str(source) == "-":
            self._container, stream = _open_standard_input()
            frames = decode(self._container, stream, self.report)
            first = next(frames, None)
            if first is None:
                raise InputError("Standard input ended before the first frame.")
            self.info = describe(self._container, stream, first, "-", constant_rate=True)
            self._frames = chain([first], frames)
            return
        self._container = None
        self.info = probe(source)

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._container is not None:
            self._container.close()

    def frames(self) -> Iterator[Frame]:
        """Every frame that can be decoded, in the order of display; call it once.

        A frame's duration lasts until the next frame; the last one's is what the file tells, else as its
        predecessor's. A frame without a usable time (none, or not after its predecessor's) is shown one period after
        its predecessor, or halfway to its successor where that comes sooner, and ``report.retimed`` counts it.
        """
        for frame, time, duration in self.timed():
            yield Frame(image=pixels.to_rgb(frame, self.info.colour), time=time, duration=duration)

    def timed(self) -> Iterator[tuple[av.VideoFrame, Fraction, Fraction]]:
        """As ``frames()``, but each picture as the decoder gives it, with its time and duration."""
        decoded = deinterlaced(self._decoded()) if self._deinterlace else self._decoded()
        held: tuple[av.VideoFrame, Fraction] | None = None
        period = nominal = 1 / self.info.average_rate if self.info.average_rate else Fraction(1, 24)
        for frame in decoded:
            stated = self._time(frame)
            if held is None:
                held = frame, self.info.start_time if stated is None else stated
                continue
            previous, time = held
            following = stated
            if following is None or following <= time:
                self.report.retimed += 1
                following = time + period
            elif self.info.constant_rate:
                self.report.missing += max(0, round((following - time) / nominal) - 1)
            yield self._of_one_size(previous, time), time, following - time
            period = following - time
            held = frame, following
        if held is None:
            raise InputError(f"{self.info.path} holds no picture that can be decoded. Check that it plays elsewhere.")
        last, time = held
        duration = self._stated_duration(last) or period
        short_by = self.info.start_time + (self.info.duration or 0) - (time + duration)
        if short_by > max(period * 3 / 2, Fraction(1, 5)):
            self.report.short_by = short_by
        yield self._of_one_size(last, time), time, duration

    def _decoded(self) -> Iterable[av.VideoFrame]:
        if self.info.container == "pictures":
            return read_pictures(Path(self._source), self.info)
        if self._container is not None:
            return self._frames
        self._container = open_container(self._source)
        return decode(self._container, video_stream(self._container, self.info.path), self.report)

    def _time(self, frame: av.VideoFrame) -> Fraction | None:
        if frame.pts is None or frame.time_base is None:
            return None
        return self._unrounded(frame.pts * frame.time_base, frame.time_base)

    def _stated_duration(self, frame: av.VideoFrame) -> Fraction | None:
        if not frame.duration or frame.time_base is None:
            return None
        duration = frame.duration * frame.time_base
        if self.info.time_base != frame.time_base and self.info.average_rate:
            period = 1 / self.info.average_rate
            return period if abs(period - duration) <= frame.time_base else duration
        return duration

    def _unrounded(self, time: Fraction, tick: Fraction) -> Fraction:
        """The time before the container rounded it to milliseconds, where its frame rate tells."""
        if self.info.time_base == tick or not self.info.average_rate:
            return time
        period = 1 / self.info.average_rate
        exact = self.info.start_time + round((time - self.info.start_time) / period) * period
        return exact if abs(exact - time) <= tick / 2 else time

    def _of_one_size(self, frame: av.VideoFrame, time: Fraction) -> av.VideoFrame:
        if (frame.width, frame.height) != (self.info.width, self.info.height):
            raise InputError(
                f"{self.info.path} changes its size from {self.info.width}x{self.info.height} to "
                f"{frame.width}x{frame.height} at {float(time):.3f} s. Cut it there, and enhance the parts."
            )
        return frame


def _open_standard_input() -> tuple[InputContainer, VideoStream]:
    try:
        container = av.open(sys.stdin.buffer, "r", format="yuv4mpegpipe")
    except (FFmpegError, OSError) as error:
        raise InputError(
            "Standard input is not y4m. Pipe for instance `ffmpeg -i film -f yuv4mpegpipe - | stvsr enhance - ...`."
        ) from error
    return container, video_stream(container, "standard input")
