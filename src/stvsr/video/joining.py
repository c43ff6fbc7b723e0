"""One film out of finished parts: their packets are copied, not encoded again, and the passengers come along.

Parts lie in the film's own container, so that a packet's bytes are the same in the part and in the film. Where each
packet has come to lie is found by looking for those bytes; whoever knows that may let go of the part, and can build
it again from the film.
"""

import os
from array import array
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from io import FileIO
from itertools import pairwise
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet

from stvsr.video.codecs import CONTAINERS, WriteSettings
from stvsr.video.container import open_container
from stvsr.video.film import container_options
from stvsr.video.info import VideoInfo
from stvsr.video.passengers import Passengers

FURTHEST = 64 * 2**20
"""So far behind the last packet found, a packet's bytes are looked for; some containers change them."""


@dataclass(slots=True)
class Places:
    """Where a part's packets lie: three numbers for each (offset in the part, bytes, offset in the film)."""

    numbers: array = field(default_factory=lambda: array("q"))

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        return zip(*(self.numbers[first::3] for first in range(3)), strict=True)


def facts_of_part(path: Path) -> tuple[int, int]:
    """How many packets a part holds, and by how many of them decoding runs ahead of display."""
    with open_container(path) as part:
        stamps = [packet.pts for packet in _packets(part)]
    rank = {stamp: place for place, stamp in enumerate(sorted(stamp for stamp in stamps if stamp is not None))}
    return len(stamps), max((number - rank[stamp] for number, stamp in enumerate(stamps) if stamp in rank), default=0)


class FilmJoin:
    """Copies parts, in order, into ``path``. Decoding stamps are counted anew, by display order and ``delay``."""

    def __init__(
        self,
        path: Path,
        template: Path,
        settings: WriteSettings,
        source: VideoInfo,
        *,
        clock: Fraction,
        rate: Fraction | None,
        delay: int,
    ) -> None:
        self.dropped: list[str] = []
        """What could not come along."""
        self._path, self._delay = path, delay
        self._shown: list[int] = []  # the last ``delay`` display stamps
        self._parts, self._settled = 0, 0
        self._places: list[Places] = []
        self._waiting: deque[tuple[int, int, bytes]] = deque()  # part, offset in it, bytes: not yet seen in the film
        self._searched, self._findable = 0, True
        container = CONTAINERS[path.suffix.lower()]
        options = container_options(container, clock, faststart=False) | {"flush_packets": "1"}
        self._output = av.open(f"file:{path}", "w", format=container, container_options=options)
        path.touch()  # the muxer makes it only later
        self._film = path.open("rb", buffering=0)
        with open_container(template) as example:
            stream = example.streams.video[0]
            self._stream = self._output.add_stream_from_template(stream, opaque=True)
            if stream.codec_context.codec.canonical_name == "hevc" and container in ("mp4", "mov"):
                self._stream.codec_context.codec_tag = "hvc1"  # Apple's players know no other
        self._stream.codec_context.sample_aspect_ratio = source.sample_aspect_ratio
        if rate is not None:
            self._stream.codec_context.framerate = rate
        if source.display_matrix is not None:
            self._stream.set_display_matrix(source.display_matrix)
        copies = settings.copy_streams and source.container != "pictures"
        self._passengers = Passengers(source.path, self._output, self.dropped) if copies else None
        self._output.metadata.update(settings.metadata)

    def add(self, path: Path, end: Fraction, within: tuple[Fraction, Fraction] | None = None) -> None:
        """Append a part, whose last picture ends at ``end`` seconds; within: only what is shown from when to when.

        Such a stretch must begin with a key frame, and so must what follows it.
        """
        number, self._parts = self._parts, self._parts + 1
        self._places.append(Places())
        with open_container(path) as part:
            tick = part.streams.video[0].time_base or Fraction(1, 1000)
            shown = sorted(packet.pts for packet in _packets(part, within) if packet.pts is not None)
        stay = dict(
            zip(shown, (after - before for before, after in pairwise([*shown, round(end / tick)])), strict=True)
        )
        if not self._shown:
            step = stay[shown[0]]
            self._shown = [shown[0] - step * early for early in range(self._delay, 0, -1)]
        decoded, self._shown = self._shown + shown, (self._shown + shown)[len(shown) :]
        offset = 0
        with open_container(path) as part, path.open("rb", buffering=0) as file:
            for packet, stamp in zip(_packets(part, within), decoded, strict=False):
                if self._findable:
                    content = bytes(packet)
                    offset = _find(file, content, offset)
                    self._waiting.append((number, offset, content))
                    self._findable = offset >= 0
                    offset += len(content)
                assert packet.pts is not None
                packet.dts, packet.duration = stamp, max(1, stay[packet.pts])
                packet.stream = self._stream
                if self._passengers is not None:
                    self._passengers.until(stamp * tick)
                self._output.mux(packet)
                self._look()

    def settled(self) -> Iterator[tuple[int, Places]]:
        """The parts, by number, all of whose packets have been seen in the film since this was last asked."""
        first_waiting = self._waiting[0][0] if self._waiting else self._parts
        while self._findable and self._settled < first_waiting:
            yield self._settled, self._places[self._settled]
            self._settled += 1

    def finish(self) -> None:
        """Bring the rest of the passengers, and close the film."""
        if self._passengers is not None:
            self._passengers.until(None)
            self._passengers.close()
        self._output.close()
        self._look()
        self._film.close()

    def abandon(self) -> None:
        """Close the film, whatever state it is in."""
        if self._passengers is not None:
            self._passengers.close()
        with suppress(FFmpegError, OSError):
            self._output.close()
        self._film.close()

    def _look(self) -> None:
        """See how far the film has come on disk: packets are written late, in turns with those of other streams."""
        size = os.fstat(self._film.fileno()).st_size
        while self._findable and self._waiting and size - self._searched >= len(self._waiting[0][2]):
            number, offset, content = self._waiting[0]
            at = _find(self._film, content, self._searched)
            if at < 0:
                self._findable = size - self._searched < FURTHEST
                break
            self._places[number].numbers.extend((offset, len(content), at))
            self._searched = at + len(content)
            self._waiting.popleft()
        if not self._findable:
            self._waiting.clear()


def _packets(part: InputContainer, within: tuple[Fraction, Fraction] | None = None) -> Iterator[Packet]:
    """The picture's packets, in order of decoding; within: those shown from when to when, in seconds."""
    for packet in part.demux(video=0):
        if not packet.size:
            continue
        if within is not None and packet.pts is not None:
            first, stop = (round(time / packet.time_base) for time in within)
            if not first <= packet.pts < stop:
                continue
        yield packet


def _find(file: FileIO, content: bytes, start: int) -> int:
    """Where these bytes lie in a file from ``start`` on, or -1."""
    file.seek(start)
    held = b""
    while len(held) < FURTHEST + len(content):
        more = file.read(max(len(content), 2**16))
        if not more:
            break
        held += more
        if (at := held.find(content)) >= 0:
            return start + at
    return -1
