"""When sound begins and ends, as its packets say: no sound is decoded."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av


@dataclass(frozen=True, slots=True)
class Span:
    """A sound track's first and last moment, in seconds from the first picture."""

    start: Fraction
    end: Fraction


def spans_of_sound(path: Path, first_picture: Fraction) -> tuple[Span, ...]:
    """Of every sound track of a file, in the file's order; a track without a packet is left out."""
    if path.is_dir():
        return ()
    spans: dict[int, Span] = {}
    with av.open(str(path)) as container:
        tracks = container.streams.audio
        packets: Iterable[av.Packet] = container.demux(*tracks) if tracks else ()
        for packet in packets:
            if packet.pts is None or packet.time_base is None:
                continue
            start = packet.pts * packet.time_base - first_picture
            end = start + (packet.duration or 0) * packet.time_base
            before = spans.get(packet.stream.index, Span(start, end))
            spans[packet.stream.index] = Span(min(before.start, start), max(before.end, end))
    return tuple(spans[index] for index in sorted(spans))
