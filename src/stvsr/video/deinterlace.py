"""From two fields in one picture to one whole picture: FFmpeg's bwdif, one picture out for each picture in."""

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.filter import Graph
from av.filter.context import FilterContext

CONTEXT = 1
"""Pictures before and after that bwdif looks at."""


def deinterlaced(frames: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The same pictures at the same times, without combs. Which field is first, each picture tells itself."""
    graph: Graph | None = None
    stamps: deque[tuple[int | None, Fraction | None, int | None]] = deque()
    for number, frame in enumerate(frames):
        graph = graph or _graph(frame)
        stamps.append((frame.pts, frame.time_base, frame.duration))
        frame.pts, frame.time_base = number, Fraction(1, 25)  # the filter must not stumble over broken clocks
        graph.push(frame)
        yield from _finished(graph, stamps)
    if graph is not None:
        graph.push(None)
        yield from _finished(graph, stamps)


def _graph(frame: av.VideoFrame) -> Graph:
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, 25), name="in"
    )
    sink: FilterContext = graph.add("buffersink")
    graph.link_nodes(source, graph.add("bwdif", "mode=send_frame:parity=auto:deint=all"), sink).configure()
    return graph


def _finished(graph: Graph, stamps: deque) -> Iterator[av.VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        assert isinstance(frame, av.VideoFrame)
        pts, tick, duration = stamps.popleft()
        frame.pts = pts
        if tick is not None:
            frame.time_base = tick
        if duration:
            frame.duration = duration
        yield frame
