"""One video file: encoder, container, and the passengers that come along."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.clip import Frame
from stvsr.errors import OutputError
from stvsr.video import pixels
from stvsr.video.codecs import Codec, choose_pixel_format
from stvsr.video.colour import as_rgb, as_yuv
from stvsr.video.info import VideoInfo
from stvsr.video.passengers import Passengers


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSettings:
    """How a film is stored."""

    codec: str | None = None
    """h264, hevc, av1, ffv1 or prores; None: what the container usually holds."""
    quality: int | None = None
    """Constant rate factor, smaller is better; None: the codec's default here."""
    preset: str | None = None
    """The encoder's own word for speed against size."""
    pixel_format: str | None = None
    """FFmpeg's name; None: as the source, or the nearest that the codec has."""
    copy_streams: bool = True
    """Whether sound, subtitles, attachments, chapters and metadata come along."""
    overwrite: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Words for the container beside the source's own."""


class FilmFile:
    """Encodes frames into ``path`` as they come; the container's header is written with the first."""

    def __init__(
        self,
        path: Path,
        container: str,
        codec: Codec,
        settings: WriteSettings,
        source: VideoInfo,
        *,
        time_base: Fraction,
        rate: Fraction | None,
        dropped: list[str],
    ) -> None:
        self._codec, self._settings, self._source, self._dropped = codec, settings, source, dropped
        self._time_base, self._rate = time_base, rate
        self._pixel_format = choose_pixel_format(codec, source, settings.pixel_format)
        self._colour = as_rgb(source.colour) if pixels.is_rgb(self._pixel_format) else None
        self._last = None
        self._stream = None
        self._passengers: Passengers | None = None
        options = {"movflags": "faststart+write_colr", "movie_timescale": str(time_base.denominator)}
        self._output = av.open(
            f"file:{path}", "w", format=container, container_options=options if container in ("mp4", "mov") else {}
        )

    def write(self, frame: Frame) -> None:
        """Append a frame."""
        image = self._padded(frame.image)
        if self._stream is None:
            self._start(image)
        picture = pixels.from_rgb(image, self._colour, self._pixel_format)
        picture.pts = round(frame.time / self._time_base)
        picture.duration = max(1, round((frame.time + frame.duration) / self._time_base) - picture.pts)
        picture.time_base = self._time_base
        if self._last is not None and picture.pts <= self._last:
            raise OutputError(
                f"Two frames at {float(frame.time):.6f} s are closer than the file's clock of {self._time_base} s. "
                f"Ask for fewer frames per second."
            )
        self._last = picture.pts
        self._mux(self._stream.encode(picture))

    def finish(self) -> None:
        """Write what is still held back, and close the file."""
        self._mux(self._stream.encode(None))
        if self._passengers is not None:
            self._passengers.until(None)
            self._passengers.close()
        self._output.close()

    def abandon(self) -> None:
        """Close the file, whatever state it is in."""
        try:
            if self._passengers is not None:
                self._passengers.close()
            self._output.close()
        except (av.FFmpegError, OSError, ValueError):
            pass  # the file is removed anyway

    def _start(self, image: Float[Tensor, "c h w"]) -> None:
        _, height, width = image.shape
        self._colour = self._colour or as_yuv(self._source.colour, height)
        settings, codec = self._settings, self._codec
        quality = codec.quality if settings.quality is None else settings.quality
        options = codec.options(
            None if quality is None else str(quality),
            settings.preset or codec.preset,
            self._source.hdr,
            self._pixel_format,
        )
        stream = self._output.add_stream(codec.encoder, rate=self._rate or 24, options=options)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, self._pixel_format
        context.time_base = self._time_base
        stream.time_base = self._time_base
        context.sample_aspect_ratio = self._source.sample_aspect_ratio
        context.colorspace, context.color_primaries = self._colour.matrix, self._colour.primaries
        context.color_trc, context.color_range = self._colour.transfer, 2 if self._colour.full_range else 1
        context.flags |= Flags.frame_duration
        if codec.encoder == "libx265" and self._output.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players know no other
        if self._source.display_matrix is not None:
            stream.set_display_matrix(self._source.display_matrix)
        self._stream = stream
        if settings.copy_streams and self._source.container != "pictures" and self._source.path != "-":
            self._passengers = Passengers(self._source.path, self._output, self._dropped)
        self._output.metadata.update(settings.metadata)

    def _padded(self, image: Float[Tensor, "c h w"]) -> Float[Tensor, "c h2 w2"]:
        """With the last row and column repeated where chroma samples would be cut in half."""
        across, down = pixels.size_multiple(self._pixel_format)
        right, below = -image.shape[2] % across, -image.shape[1] % down
        if not right and not below:
            return image
        return F.pad(image[None], (0, right, 0, below), mode="replicate")[0]

    def _mux(self, packets: list[av.Packet]) -> None:
        for packet in packets:
            if self._passengers is not None and packet.dts is not None:
                self._passengers.until(packet.dts * packet.time_base)
            self._output.mux(packet)
