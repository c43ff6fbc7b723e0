"""One video file: encoder, container, and the passengers that come along."""

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.clip import Frame
from stvsr.errors import OutputError
from stvsr.video import pixels
from stvsr.video.codecs import Encoding, WriteSettings
from stvsr.video.colour import Colour, as_rgb, as_yuv
from stvsr.video.info import VideoInfo
from stvsr.video.passengers import Passengers


class FilmFile:
    """Encodes frames into ``path`` as they come; the container's header is written with the first."""

    def __init__(
        self,
        path: Path,
        container: str,
        encoding: Encoding,
        settings: WriteSettings,
        source: VideoInfo,
        *,
        time_base: Fraction,
        rate: Fraction | None,
        dropped: list[str],
    ) -> None:
        self._encoding, self._settings, self._source, self._dropped = encoding, settings, source, dropped
        self._time_base, self._rate = time_base, rate
        self._last: int | None = None
        self._begun: tuple[VideoStream, Colour] | None = None
        self._passengers: Passengers | None = None
        options = container_options(container, time_base)
        self._output = av.open(f"file:{path}", "w", format=container, container_options=options)

    def prepare(self, frame: Frame) -> VideoFrame:
        """As the encoder takes it. Raises OutputError where the codec cannot take its size or the clock its time."""
        image = self._padded(frame.image)
        _, colour = self._begun = self._begun or self._begin(image)
        picture = pixels.from_rgb(image, colour, self._encoding.pixel_format)
        picture.pts = round(frame.time / self._time_base)
        picture.duration = max(1, round((frame.time + frame.duration) / self._time_base) - picture.pts)
        picture.time_base = self._time_base
        if frame.starts_shot:
            picture.pict_type = PictureType.I  # so that a shot can be cut out and another put in its place
        if self._last is not None and picture.pts <= self._last:
            raise OutputError(
                f"Two frames at {float(frame.time):.6f} s are closer than the file's clock of {self._time_base} s. "
                f"Ask for fewer frames per second."
            )
        self._last = picture.pts
        return picture

    def put(self, picture: VideoFrame) -> None:
        """Append it."""
        assert self._begun is not None
        self._mux(self._begun[0].encode(picture))

    def finish(self) -> None:
        """Write what is still held back, and close the file."""
        assert self._begun is not None
        self._mux(self._begun[0].encode(None))
        if self._passengers is not None:
            self._passengers.until(None)
            self._passengers.close()
        self._output.close()

    def abandon(self) -> None:
        """Close the file, whatever state it is in; it is removed afterwards."""
        if self._passengers is not None:
            self._passengers.close()
        with suppress(FFmpegError, OSError):
            self._output.close()

    def _begin(self, image: Float[Tensor, "c h w"]) -> tuple[VideoStream, Colour]:
        """Open the encoder for pictures of this size, and let the passengers in."""
        source, settings, encoding = self._source, self._settings, self._encoding
        codec, pixel_format = encoding.codec, encoding.pixel_format
        _, height, width = image.shape
        codec.check_size(width, height)
        colour = as_rgb(source.colour) if pixels.is_rgb(pixel_format) else as_yuv(source.colour, source.height)
        stream = self._output.add_stream(codec.encoder, rate=self._rate or 24, options=encoding.options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, pixel_format
        context.time_base = stream.time_base = self._time_base
        context.sample_aspect_ratio = source.sample_aspect_ratio
        context.colorspace, context.color_primaries = colour.matrix, colour.primaries
        context.color_trc, context.color_range = colour.transfer, 2 if colour.full_range else 1
        context.flags |= Flags.frame_duration  # else the last frame's duration is lost
        if codec.stored == "hevc" and self._output.format.name in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # Apple's players know no other
        try:
            context.open()
        except FFmpegError as error:
            raise OutputError(
                f"{codec.encoder} refuses {width}x{height} pictures of {pixel_format} with {encoding.options} "
                f"({error.strerror}). Change the preset or the codec; --codec ffv1 in an .mkv takes any size."
            ) from error
        if source.display_matrix is not None:
            stream.set_display_matrix(source.display_matrix)
        if settings.copy_streams and source.container != "pictures" and source.path != "-":
            self._passengers = Passengers(source.path, self._output, self._dropped)
        self._output.metadata.update(settings.metadata)
        self._dropped.extend(self._changes())
        return stream, colour

    def _changes(self) -> list[str]:
        """What of the picture the target cannot hold as it was."""
        source, format_now = self._source, self._encoding.pixel_format
        plain, home = pixels.plain_format(source.pixel_format), self._output.format.name
        in_matroska = home in ("matroska", "webm")
        return [
            sentence
            for holds, sentence in (
                (pixels.has_alpha(source.pixel_format), "transparency"),
                (
                    pixels.plain_format(format_now) != plain,
                    f"pixel format {source.pixel_format}: stored as {format_now}",
                ),
                (
                    source.hdr is not None and not self._encoding.codec.keeps_hdr,
                    f"HDR mastering data: {self._encoding.codec.encoder} has no place for it",
                ),
                (
                    # PyAV cannot reach AVStream.sample_aspect_ratio, which alone FFmpeg writes into Matroska
                    source.sample_aspect_ratio != 1 and in_matroska and not self._encoding.codec.keeps_pixel_shape,
                    f"pixel shape {source.sample_aspect_ratio}: {self._encoding.codec.encoder} in {home} has no place "
                    f"for it (.mp4 and .mov do, and --codec h264 and hevc anywhere)",
                ),
                (
                    in_matroska and not source.constant_rate,
                    f"times are rounded to milliseconds by {home}",
                ),
            )
            if holds
        ]

    def _padded(self, image: Float[Tensor, "c h w"]) -> Float[Tensor, "c h2 w2"]:
        """With the last row and column repeated where a chroma sample would be cut in half and the codec minds."""
        across, down = (
            (1, 1) if self._encoding.codec.takes_odd_sizes else pixels.size_multiple(self._encoding.pixel_format)
        )
        right, below = -image.shape[2] % across, -image.shape[1] % down
        if not right and not below:
            return image
        if self._begun is None:
            self._dropped.append(
                f"odd size {image.shape[2]}x{image.shape[1]}: {self._encoding.codec.encoder} stores even sizes only, "
                f"so the last row or column is repeated once (--codec ffv1 or av1 keeps the size)"
            )
        return F.pad(image[None], (0, right, 0, below), mode="replicate")[0]

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            if self._passengers is not None and packet.dts is not None:
                self._passengers.until(packet.dts * packet.time_base)
            self._output.mux(packet)


def container_options(container: str, clock: Fraction, *, faststart: bool = True) -> dict[str, str]:
    """What the muxer must be told. faststart: mp4's index lies in front, which costs a second pass over the file."""
    if container not in ("mp4", "mov"):
        return {"avoid_negative_ts": "disabled"}  # a film whose sound begins early must not be moved
    flags = "faststart+write_colr" if faststart else "write_colr"
    return {"movflags": flags, "movie_timescale": str(clock.denominator)}  # start times are kept in the movie's clock
