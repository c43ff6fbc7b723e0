"""Facts about a film, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from stvsr.video.colour import Colour


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamInfo:
    """A stream that travels beside the picture."""

    index: int
    kind: str
    """audio, subtitle, attachment, data or video."""
    codec: str
    language: str | None
    title: str | None
    start_time: Fraction | None
    """Seconds."""
    duration: Fraction | None
    """Seconds."""
    sample_rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A named stretch of the film, in seconds."""

    start: Fraction
    end: Fraction
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hdr:
    """The display on which a high-dynamic-range film was graded (SMPTE ST 2086), and its light (CTA-861.3)."""

    primaries: tuple[tuple[Fraction, Fraction], ...] | None = None
    """Chromaticities x, y of red, green, blue and white."""
    luminance: tuple[Fraction, Fraction] | None = None
    """Darkest and brightest, in cd/m²."""
    content_light: tuple[int, int] | None = None
    """Brightest pixel, and brightest average of a frame, in cd/m²."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """Facts about a film. Sizes are those of the stored picture, before ``rotation``."""

    path: str
    container: str
    """FFmpeg's name of the format; "pictures" for a folder of them."""
    codec: str
    width: int
    height: int
    sample_aspect_ratio: Fraction
    """Width over height of one pixel."""
    rotation: int
    """Degrees, counter-clockwise, by which a player turns the picture."""
    display_matrix: tuple[int, ...] | None
    """The container's own 3x3 matrix (rotation and mirroring), row by row, as FFmpeg keeps it."""
    pixel_format: str
    bit_depth: int
    colour: Colour
    hdr: Hdr | None
    interlaced: bool
    time_base: Fraction
    """Seconds; every frame's time and duration is a multiple."""
    start_time: Fraction
    """Seconds: when the first picture appears."""
    duration: Fraction | None
    """Seconds from the first picture to the end of the last, where the container tells."""
    average_rate: Fraction | None
    """Frames per second, as the container tells; only a hint where the rate varies."""
    constant_rate: bool | None
    frame_count: int | None
    """Where the container tells, or the whole film was looked through."""
    streams: tuple[StreamInfo, ...] = ()
    """All but the video stream that is enhanced."""
    chapters: tuple[Chapter, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    """What may be wrong, and what is assumed."""

    def of_kind(self, kind: str) -> tuple[StreamInfo, ...]:
        """The streams beside the picture of one kind: audio, subtitle, attachment, data, video."""
        return tuple(stream for stream in self.streams if stream.kind == kind)
