"""A finished film, seen again as it lies on disk: every picture is decoded, but only looked at from afar."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import Interpolation
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Frame
from stvsr.jobs.levels import blocks
from stvsr.video import VideoInfo, read_frames
from stvsr.video.container import DecodeReport, decode, open_container, video_stream
from stvsr.video.pixels import to_rgb


def watch(path: Path, info: VideoInfo, report: DecodeReport) -> Iterator[Frame]:
    """Every picture, shrunk before its colours are converted, which saves most of the time.

    Times are the file's own, as it tells them; ``report`` counts what could not be decoded.
    """
    if info.container == "pictures":
        yield from read_frames(path)
        return
    with open_container(path) as container:
        for frame in decode(container, video_stream(container, str(path)), report):
            tick = frame.time_base or Fraction(1)
            yield Frame(
                image=from_afar(frame, info),
                time=(frame.pts or 0) * tick,
                duration=(frame.duration or 0) * tick or 1 / (info.average_rate or Fraction(24)),
            )


def from_afar(frame: av.VideoFrame, info: VideoInfo) -> Float[Tensor, "c y x"]:
    """A picture as RGB, its larger parts averaged to about ``levels.SAMPLES`` pixels a side."""
    block = blocks(frame.height, frame.width)
    width, height = -(-frame.width // block), -(-frame.height // block)
    # with more than one thread, swscale 9.5 garbles one packed 4:2:2 picture in ten
    small = frame if block == 1 else frame.reformat(width, height, interpolation=Interpolation.AREA, threads=1)
    return to_rgb(small, info.colour)
