"""What travels beside the picture: sound, subtitles, attachments, chapters, metadata; brought along while writing."""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from io import BytesIO

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import AttachmentStream, Disposition, Stream
from av.subtitles.stream import SubtitleStream

from stvsr.video.container import open_container, passengers, video_stream

AUDIO_FALLBACK = {"webm": "libopus", "mp4": "aac", "mov": "aac", "matroska": "flac"}
SUBTITLE_FALLBACK = {"webm": "webvtt", "mp4": "mov_text", "mov": "mov_text", "matroska": "subrip"}
OF_THE_FILE_ITSELF = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration", "vendor_id"}

Carry = Callable[[Packet], Iterable[Packet]]
"""A packet of the source as packets of the target."""


class Passengers:
    """All streams of the film ``path`` but its picture, muxed into ``output`` up to whatever time has come.

    Packets are copied where the container holds their codec; else sound is re-encoded, text subtitles are converted,
    and the rest stays behind. ``dropped`` gets a sentence for everything that is not copied.
    """

    def __init__(self, path: str, output: OutputContainer, dropped: list[str]) -> None:
        self._input = open_container(path)
        self._output, self._dropped = output, dropped
        self._carry: dict[int, Carry] = {}
        self._waiting: Packet | None = None
        self._last: dict[int, Fraction] = {}
        for stream in passengers(self._input, video_stream(self._input, path)):
            self._admit(stream)
        output.metadata.update(_portable(self._input.metadata))
        output.set_chapters(self._input.chapters())
        self._packets = self._read()

    def until(self, time: Fraction | None) -> None:
        """Bring everything that is due before ``time`` (seconds; None: all the rest)."""
        packet = self._waiting or next(self._packets, None)
        while packet is not None:
            due = packet.dts if packet.dts is not None else packet.pts
            if time is not None and due is not None and due * packet.time_base > time:
                break
            for carried in self._carry[packet.stream.index](packet):
                if self._goes_on(carried):
                    self._output.mux(carried)
            packet = next(self._packets, None)
        self._waiting = packet

    def close(self) -> None:
        """Let go of the source."""
        self._input.close()

    def _goes_on(self, packet: Packet) -> bool:
        """Whether a packet comes after its stream's last one; where a source repeats itself, muxers give up."""
        if packet.dts is None:
            return True
        index, last = packet.stream.index, self._last.get(packet.stream.index)
        due = packet.dts * packet.time_base
        if last is not None and due < last:
            sentence = f"packets of {_name(packet.stream)} that go back in time"
            self._dropped.extend([sentence] if sentence not in self._dropped else [])
            return False
        self._last[index] = due
        return True

    def _read(self) -> Iterator[Packet]:
        if not self._carry:
            return
        packets = self._input.demux([self._input.streams[index] for index in self._carry])
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except (FFmpegError, OSError) as error:
                self._dropped.append(f"sound and subtitles after a broken place in the source ({error.strerror})")
                return

    def _admit(self, stream: Stream) -> None:
        name, home = _name(stream), self._output.format.name
        if isinstance(stream, AttachmentStream) and home == "matroska":
            kind = stream.mimetype or "application/octet-stream"
            self._output.add_attachment(stream.name or "attachment", kind, stream.data)
        elif stream.codec_context is None:  # FFmpeg does not know the codec
            self._dropped.append(f"{name}: left behind")
        elif isinstance(stream, AudioStream | SubtitleStream) and _can_be_copied(stream, home):
            self._carry[stream.index] = _copier(stream, self._output)
        elif isinstance(stream, AudioStream):
            self._dropped.append(f"{name}: re-encoded as {AUDIO_FALLBACK[home]}, for {home} cannot hold it as it is")
            self._carry[stream.index] = _sound_encoder(stream, self._output, AUDIO_FALLBACK[home])
        elif isinstance(stream, SubtitleStream) and stream.codec_context.codec.text_sub:
            self._dropped.append(f"{name}: converted to {SUBTITLE_FALLBACK[home]}, for {home} cannot hold it as it is")
            self._carry[stream.index] = _subtitle_encoder(stream, self._output, SUBTITLE_FALLBACK[home])
        else:
            self._dropped.append(f"{name}: left behind")


def _can_be_copied(stream: AudioStream | SubtitleStream, home: str) -> bool:
    """Tried out, for the muxers refuse more than ``avformat_query_codec`` tells (FLAC in mov)."""
    try:
        with av.open(BytesIO(), "w", format=home) as trial:
            trial.add_stream_from_template(stream)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


def _copier(source: AudioStream | SubtitleStream, output: OutputContainer) -> Carry:
    target = output.add_stream_from_template(source)
    _take_labels(target, source)

    def carry(packet: Packet) -> Iterable[Packet]:
        if packet.dts is None and packet.pts is None:  # the mark of the end
            return
        packet.stream = target
        yield packet

    return carry


def _sound_encoder(source: AudioStream, output: OutputContainer, encoder: str) -> Carry:
    rate = 48000 if encoder == "libopus" else min(48000, source.codec_context.sample_rate)
    target = output.add_stream(encoder, rate=rate)
    assert isinstance(target, AudioStream)
    target.codec_context.layout = source.codec_context.layout.name
    _take_labels(target, source)

    def carry(packet: Packet) -> Iterable[Packet]:
        for frame in source.codec_context.decode(packet if packet.size else None):
            yield from target.encode(frame)
        if not packet.size:
            yield from target.encode(None)

    return carry


def _subtitle_encoder(source: SubtitleStream, output: OutputContainer, encoder: str) -> Carry:
    target = output.add_stream(encoder)
    assert isinstance(target, SubtitleStream)
    source.codec_context.open(strict=False)
    target.codec_context.subtitle_header = source.codec_context.subtitle_header
    target.codec_context.time_base = target.time_base = Fraction(1, 1000)
    _take_labels(target, source)

    def carry(packet: Packet) -> Iterable[Packet]:
        shown = source.codec_context.decode2(packet) if packet.size else None
        if shown is None:
            return
        written = target.codec_context.encode_subtitle(shown)
        written.stream, written.time_base = target, packet.time_base
        written.pts, written.dts, written.duration = packet.pts, packet.pts, packet.duration
        yield written

    return carry


def _take_labels(target: Stream, source: Stream) -> None:
    target.metadata.update(_portable(source.metadata))
    target.disposition = source.disposition


def _portable(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in OF_THE_FILE_ITSELF}


def _name(stream: Stream) -> str:
    if isinstance(stream, AttachmentStream):
        return f"attachment {stream.name}"
    codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else stream.name
    kind = "cover picture" if stream.disposition & Disposition.attached_pic else stream.type
    language = f", {stream.language}" if stream.language else ""
    return f"{kind} stream {stream.index} ({codec}{language})"
