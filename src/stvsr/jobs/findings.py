"""What a source suffers from, and the option that answers it: seen in its frames, whatever its tags say."""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import torch
from av.error import FFmpegError
from av.filter import Graph

from stvsr.jobs.survey import Survey
from stvsr.video import VideoInfo, read_frames
from stvsr.video.container import DecodeReport, decode, open_container, video_stream

LOOKED_AT = 300
"""Pictures in which combs are looked for."""
SAMPLES = 12
"""Pictures whose fine detail is measured."""
MANY_COMBED, FEW_COMBED, MANY_REPEATED = 0.6, 0.15, 0.05
NO_DETAIL = 1e-5
"""Share of the power of a line beyond half its band, below which the picture was enlarged."""


def findings(source: Path, info: VideoInfo, seen: Survey) -> tuple[str, ...]:
    """One sentence for each thing found."""
    combed, repeated = share_combed(source, info), seen.repeats / max(1, seen.frames)
    fine = fine_detail(source)
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
            fine is not None and fine < NO_DETAIL,
            "nothing in it is finer than two pixels: it was probably enlarged before. Shrink it to the size it had, "
            "and ask for that much more --scale.",
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
    if info.container == "pictures" or info.height < 16:
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


def fine_detail(source: Path) -> float | None:
    """The largest share, in a few pictures, of a line's power that lies in the upper half of its band."""
    shares = []
    for frame in islice(read_frames(source), 0, 20 * SAMPLES, 20):
        luma = frame.image.mean(0)
        if min(luma.shape) < 64 or luma.std() < 0.02:
            continue
        window = torch.hann_window(luma.shape[1])
        power = torch.fft.rfft((luma - luma.mean(1, keepdim=True)) * window).abs().square().mean(0)
        shares.append(float(power[len(power) // 2 + 2 :].sum() / power.sum()))
    return max(shares, default=None)
