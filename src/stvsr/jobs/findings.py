"""What a source suffers from, and the option that answers it: seen in its frames, whatever its tags say."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.error import FFmpegError
from av.filter import Graph

from stvsr.jobs.survey import Survey
from stvsr.video import VideoInfo
from stvsr.video.container import DecodeReport, decode, open_container, video_stream

LOOKED_AT = 300
"""Pictures in which combs are looked for."""
SMALLEST = 64
"""Pixels down: in smaller pictures, idet takes the edges of what moves for combs."""
MANY_COMBED, FEW_COMBED, MANY_REPEATED = 0.6, 0.25, 0.05


def findings(source: Path, info: VideoInfo, seen: Survey) -> tuple[str, ...]:
    """One sentence for each thing found."""
    repeated = seen.repeats / max(1, seen.frames)
    combed = share_combed(source, info) if repeated < MANY_REPEATED else 0.0  # repeats look like fields to idet
    said = (
        (combed >= MANY_COMBED, f"interlaced: {combed:.0%} of the first pictures show combs. Use --deinterlace."),
        (
            FEW_COMBED <= combed < MANY_COMBED,
            f"telecined or partly interlaced: {combed:.0%} of the first pictures show combs. --deinterlace removes "
            f"the combs; removing the pulldown first, with another tool, keeps more detail.",
        ),
        (
            repeated >= MANY_REPEATED,
            f"{repeated:.0%} of the frames repeat the one before. Use --drop-duplicates to render them anew.",
        ),
        (
            bool(info.colour.guessed),
            f"the file does not tell its colour {', '.join(info.colour.guessed)}; it is taken as {info.colour}, and "
            f"the result will say so. If the colours look wrong, tag the file first.",
        ),
    )
    return tuple(sentence for holds, sentence in said if holds)


def share_combed(source: Path, info: VideoInfo) -> float:
    """Which share of the first pictures FFmpeg's idet finds interlaced, of those that it can tell."""
    if info.container == "pictures" or info.height < SMALLEST:
        return 0.0
    kinds: list[str] = []
    with open_container(source) as container:
        graph: Graph | None = None
        frames = decode(container, video_stream(container, str(source)), DecodeReport())
        for number, frame in enumerate(islice(frames, LOOKED_AT)):
            graph = graph or _idet(frame)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            try:
                graph.push(frame)
                while True:
                    kinds.append(graph.pull().metadata.get("lavfi.idet.multiple.current_frame", ""))  # pyright: ignore
            except (BlockingIOError, EOFError):
                continue
            except FFmpegError:  # a pixel format that idet does not know
                return 0.0
    told = [kind for kind in kinds if kind in ("tff", "bff", "progressive")]
    return sum(kind != "progressive" for kind in told) / max(1, len(told))


def _idet(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25), name="in"
    )
    graph.link_nodes(source, graph.add("idet"), graph.add("buffersink")).configure()
    return graph
