"""Opening a film and decoding it without losing count: every failure becomes an InputError or a number."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from stvsr.errors import InputError


@dataclass(slots=True)
class DecodeReport:
    """What came out of the decoder, and what did not."""

    frames: int = 0
    """Pictures handed on."""
    damaged: int = 0
    """Pictures among them that the decoder marks as broken."""
    undecodable: int = 0
    """Packets that gave no picture, or are promised by an index and not there."""
    missing: int = 0
    """Pictures that a film of constant rate should have in the gaps between its time stamps."""
    short_by: Fraction = Fraction(0)
    """Seconds by which the last picture ends before the film says it does."""
    retimed: int = 0
    """Pictures whose time was missing or not after their predecessor's, and was mended."""

    @property
    def remarks(self) -> tuple[str, ...]:
        """The non-zero counts as sentences."""
        said = (
            (self.damaged, "frames are damaged and are shown as far as they could be decoded"),
            (self.undecodable, "packets of the picture could not be decoded"),
            (self.missing, "frames are missing between the others, going by the clock"),
            (self.retimed, "frames had no usable time stamp and were given one"),
        )
        early = f"the picture ends {float(self.short_by):.3f} s before the film says it does"
        return tuple(f"{count} {what}" for count, what in said if count) + ((early,) if self.short_by else ())


def open_container(source: str | Path) -> InputContainer:
    """Open a video file. Raises InputError where that cannot be done, saying why."""
    path = Path(source)
    if not path.exists():
        raise InputError(f"There is no file {path}. Check the spelling and the folder.")
    if path.is_dir():
        raise InputError(f"{path} is a folder; a film was expected.")
    try:
        if path.stat().st_size == 0:
            raise InputError(f"{path} is empty (0 bytes). Copy or download it again.")
        # "file:" keeps FFmpeg from taking a colon in the name for a protocol
        container = av.open(f"file:{path}", "r", metadata_errors="replace")
    except PermissionError as error:
        raise InputError(f"{path} may not be read: {error.strerror}. Change its permissions (chmod +r).") from error
    except (FFmpegError, OSError) as error:
        raise InputError(_why_not_a_film(path, error)) from error
    if container.format.name == "tty":  # FFmpeg draws plain text as a film
        container.close()
        raise InputError(f"{path} is a text file, not a film. Give a video file or a folder of pictures.")
    return container


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream that is the film: FFmpeg's choice, cover pictures apart. Raises InputError where there is none."""
    stream = container.streams.best("video")
    if not isinstance(stream, VideoStream) or stream.disposition & Disposition.attached_pic:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
        raise InputError(f"{name} has no moving picture (it holds: {kinds}). Give a file with a video stream.")
    if stream.codec_context is None:
        raise InputError(f"{name} has a picture in a format that FFmpeg cannot decode. Convert it first.")
    stream.thread_type = "AUTO"
    return stream


def passengers(container: InputContainer, picture: Stream) -> list[Stream]:
    """Every stream but the film's picture and mp4's hidden track of chapter titles."""
    others = [stream for stream in container.streams if stream.index != picture.index]
    if container.chapters():
        others = [stream for stream in others if stream.type != "data" or stream.name != "bin_data"]
    return others


def decode(container: InputContainer, stream: VideoStream, report: DecodeReport) -> Iterator[av.VideoFrame]:
    """Every picture that can be decoded, in the order of display; the rest is counted in ``report``."""
    packets, discarded = container.demux(stream), 0
    while True:
        try:
            packet = next(packets)
        except (FFmpegError, OSError):  # the file breaks off, or a disc or network failed: what came before is kept
            report.undecodable += 1
            packet = None
        except StopIteration:  # the decoder was drained by the empty packet before
            break
        try:
            frames = stream.codec_context.decode(packet)
        except FFmpegError:
            report.undecodable += 1
            frames = []
        discarded += packet is not None and packet.is_discard
        for frame in frames:
            report.frames += 1
            report.damaged += frame.is_corrupt
            yield frame
        if packet is None:
            break
    if "mp4" in container.format.name:  # its index promises every frame, also those that a cut-off file does not hold
        promised = len(stream.index_entries) - discarded
        report.undecodable = max(report.undecodable, promised - report.frames)


def _why_not_a_film(path: Path, error: Exception) -> str:
    if isinstance(error, EOFError):
        return f"{path} ends before its first picture. Copy or download it again."
    with path.open("rb") as file:
        head = file.read(4096)
    if head[4:8] == b"ftyp":
        return (
            f"{path} breaks off before its index (mp4 without 'moov'): the recording or the download was cut short. "
            f"Fetch it again, or repair it with a tool such as untrunc."
        )
    if b"\0" not in head:
        return f"{path} is a text file, not a film. Give a video file or a folder of pictures."
    reason = getattr(error, "strerror", None) or error
    return f"{path} cannot be read as a film ({reason}). Check that it plays elsewhere; convert it if it does."
