"""What travels beside the picture: sound, subtitles, attachments, chapters, metadata; copied as the film goes on."""

from collections.abc import Callable, Iterable
from fractions import Fraction

from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from stvsr.video.container import open_container

AUDIO_FALLBACK = {"webm": "libopus", "mp4": "aac", "mov": "aac", "matroska": "aac"}
SUBTITLE_FALLBACK = {"webm": "webvtt", "mp4": "mov_text", "mov": "mov_text", "matroska": "subrip"}
OF_THE_FILE_ITSELF = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}

Carry = Callable[[Packet], Iterable[Packet]]


class Passengers:
    """The streams of ``path`` beside ``video_index``, brought into ``output`` as the film goes on."""

    def __init__(self, path: str, output: OutputContainer, dropped: list[str]) -> None:
        self._input: InputContainer = open_container(path)
        self._output = output
        self._dropped = dropped
        self._carry: dict[int, Carry] = {}
        self._waiting: Packet | None = None
        picture = self._input.streams.best("video")
        for stream in self._input.streams:
            if picture is None or stream.index != picture.index:
                self._admit(stream)
        output.metadata.update(_portable(self._input.metadata))
        output.set_chapters(self._input.chapters())
        self._packets = (
            self._input.demux([self._input.streams[index] for index in self._carry]) if self._carry else iter(())
        )

    def until(self, time: Fraction | None) -> None:
        """Bring everything that is due before ``time`` (seconds; None: all the rest)."""
        packet = self._waiting or next(self._packets, None)
        while packet is not None:
            due = packet.dts if packet.dts is not None else packet.pts
            if time is not None and due is not None and due * packet.time_base > time:
                break
            for carried in self._carry[packet.stream.index](packet):
                self._output.mux(carried)
            packet = next(self._packets, None)
        self._waiting = packet

    def close(self) -> None:
        """Let go of the source."""
        self._input.close()

    def _admit(self, stream: Stream) -> None:
        admit = {"audio": self._admit_audio, "subtitle": self._admit_subtitle, "attachment": self._admit_attachment}
        if stream.type not in admit:
            self._dropped.append(f"{_name(stream)}: only the first picture and its sound and subtitles are kept")
            return
        admit[stream.type](stream)

    def _admit_audio(self, stream: Stream) -> None:
        try:
            copy = self._output.add_stream_from_template(stream)
        except ValueError:
            self._reencode(stream)
            return
        _describe(copy, stream)
        self._carry[stream.index] = lambda packet: _copied(packet, copy)

    def _reencode(self, stream: Stream) -> None:
        encoder = AUDIO_FALLBACK[self._output.format.name]
        target = self._output.add_stream(
            encoder, rate=48000 if encoder == "libopus" else stream.codec_context.sample_rate
        )
        target.codec_context.layout = stream.codec_context.layout.name
        _describe(target, stream)
        self._dropped.append(f"{_name(stream)}: re-encoded as {encoder}, {self._output.format.name} cannot hold it")

        def carry(packet: Packet) -> Iterable[Packet]:
            for frame in packet.decode():
                yield from target.encode(frame)
            if packet.dts is None:
                yield from target.encode(None)

        self._carry[stream.index] = carry

    def _admit_subtitle(self, stream: Stream) -> None:
        try:
            copy = self._output.add_stream_from_template(stream)
        except ValueError:
            self._dropped.append(f"{_name(stream)}: {self._output.format.name} cannot hold it")
            return
        _describe(copy, stream)
        self._carry[stream.index] = lambda packet: _copied(packet, copy)

    def _admit_attachment(self, stream: Stream) -> None:
        if self._output.format.name != "matroska":
            self._dropped.append(f"{_name(stream)}: {self._output.format.name} holds no attachments")
            return
        self._output.add_attachment(
            stream.name or "attachment", stream.mimetype or "application/octet-stream", stream.data
        )


def _copied(packet: Packet, stream: Stream) -> Iterable[Packet]:
    if packet.dts is None and packet.pts is None:  # the mark of the end
        return
    packet.stream = stream
    yield packet


def _describe(target: Stream, source: Stream) -> None:
    target.metadata.update(_portable(source.metadata))
    target.disposition = source.disposition


def _portable(metadata: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in OF_THE_FILE_ITSELF}


def _name(stream: Stream) -> str:
    codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else stream.name
    cover = " cover" if stream.disposition & Disposition.attached_pic else ""
    language = f", {stream.language}" if stream.language else ""
    return f"{stream.type}{cover} stream {stream.index} ({codec}{language})"
