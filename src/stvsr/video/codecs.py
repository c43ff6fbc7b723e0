"""The codecs that we write, how each is told its quality, and which container and pixel format it takes."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import cast

import av
import torch
from av.codec.codec import find_best_pix_fmt_of_list
from av.error import FFmpegError

from stvsr.errors import OutputError
from stvsr.video import pixels
from stvsr.video.info import Hdr, VideoInfo

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSettings:
    """How a film is stored."""

    codec: str | None = None
    """h264, hevc, av1, ffv1, prores, or on a graphics card of NVIDIA's h264-nvenc, hevc-nvenc; None: what the container
    usually holds."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """An encoder inside FFmpeg, and our defaults for it."""

    encoder: str
    quality: int | None
    """Constant rate factor: smaller is better and larger; None: the codec has no such dial."""
    worst_quality: int = 0
    preset: str | None
    options: Callable[[str | None, str | None, Hdr | None, str], dict[str, str]]
    """Quality, preset, HDR facts and pixel format as the encoder's own options."""
    keeps_everything: bool = False
    """Whether grey and RGB are stored as such; players of the other codecs expect YUV 4:2:0."""
    keeps_hdr: bool = False
    """Whether the mastering display and content light go into the bit stream."""
    keeps_pixel_shape: bool = False
    """Whether the sample aspect ratio goes into the bit stream."""
    takes_odd_sizes: bool = False
    """Whether 4:2:0 pictures may have odd sizes."""
    least_size: int = 1
    """Pixels a side."""
    least_width: int = 1
    """Pixels across, where that is more."""
    on_card: tuple[str, ...] = ()
    """Where a graphics card does the work: the pixel formats that every such card takes."""

    @property
    def stored(self) -> str:
        """What lies in the file, by FFmpeg's name."""
        return av.Codec(self.encoder, "w").canonical_name

    def check_presence(self) -> None:
        """Raise OutputError where the card is missing: known only when the encoder has been opened once."""
        if not self.on_card:
            return
        trial = cast(av.VideoCodecContext, av.VideoCodecContext.create(self.encoder, "w"))
        trial.width, trial.height, trial.pix_fmt, trial.time_base = 256, 256, "yuv420p", Fraction(1, 25)
        try:
            trial.open()
        except FFmpegError as error:
            raise OutputError(
                f"{self.encoder} cannot be opened here ({error.strerror}): it needs a graphics card of NVIDIA's that "
                f"stores {self.stored}, and its driver. Use --codec {self.stored}."
            ) from error

    def check_size(self, width: int, height: int) -> None:
        """Raise OutputError for pictures that are too small for the encoder."""
        across = max(self.least_width, self.least_size)
        if width < across or height < self.least_size:
            raise OutputError(
                f"{self.encoder} needs pictures of at least {across}x{self.least_size} pixels, but these are "
                f"{width}x{height}. Enlarge more, or use --codec ffv1 in an .mkv."
            )


def _x264(quality: str | None, preset: str | None, hdr: Hdr | None, _: str) -> dict[str, str]:
    # the number of threads decides how far motion may reach, and so what comes out: the same on every machine
    words = ["threads=4"]
    if preset is None:  # half the work of veryfast, for 4 to 13 % more bytes: docs/decisions.md
        preset = "veryfast"
        words += ["subme=1", "partitions=i8x8"]
    if torch.backends.cpu.get_cpu_capability() == "AVX512":
        words.append("asm=AVX2")  # with AVX-512, x264 165 makes another film of the same pictures every few times
    words += [f"mastering-display={_mastering(hdr)}"] if hdr and hdr.primaries and hdr.luminance else []
    words += [f"cll={hdr.content_light[0]},{hdr.content_light[1]}"] if hdr and hdr.content_light else []
    return _set(crf=quality, preset=preset) | {"forced-idr": "1", "x264-params": ":".join(words)}


def _x265(quality: str | None, preset: str | None, hdr: Hdr | None, _: str) -> dict[str, str]:
    words = ["log-level=error", "frame-threads=2"]  # what comes out depends on them; the rest of the threads may vary
    words += [f"master-display={_mastering(hdr)}"] if hdr and hdr.primaries and hdr.luminance else []
    words += [f"max-cll={hdr.content_light[0]},{hdr.content_light[1]}"] if hdr and hdr.content_light else []
    return _set(crf=quality, preset=preset) | {"forced-idr": "1", "x265-params": ":".join(words)}


def _svt_av1(quality: str | None, preset: str | None, hdr: Hdr | None, _: str) -> dict[str, str]:
    os.environ.setdefault("SVT_LOG", "1")  # errors only; the encoder prints a banner otherwise
    words = []
    if hdr and hdr.primaries and hdr.luminance:
        red, green, blue, white = (f"({float(x):.5f},{float(y):.5f})" for x, y in hdr.primaries)
        darkest, brightest = hdr.luminance
        lights = f"L({float(brightest):.4f},{float(darkest):.4f})"
        words.append(f"mastering-display=G{green}B{blue}R{red}WP{white}{lights}")
    if hdr and hdr.content_light:
        words.append(f"content-light={hdr.content_light[0]},{hdr.content_light[1]}")
    return _set(crf=quality, preset=preset) | ({"svtav1-params": ":".join(words)} if words else {})


def _ffv1(*_: object) -> dict[str, str]:
    return {"level": "3", "slicecrc": "1", "g": "1"}


def _prores(_quality: str | None, preset: str | None, _hdr: Hdr | None, pixel_format: str) -> dict[str, str]:
    return {"profile": "4444" if "444" in pixel_format else preset or "hq", "vendor": "apl0"}


def _nvenc(quality: str | None, preset: str | None, _hdr: Hdr | None, _pixel_format: str) -> dict[str, str]:
    # no frames out of order, so that parts can be joined anywhere
    return _set(qp=quality, preset=preset) | {"rc": "constqp", "bf": "0", "forced-idr": "1"}


def _on_nvidia(encoder: str, quality: int, *formats: str) -> Codec:
    """Sizes: what the least capable cards take."""
    return Codec(
        encoder=encoder,
        quality=quality,
        worst_quality=51,
        preset="p4",
        options=_nvenc,
        least_width=192,
        least_size=128,
        on_card=formats,
    )


CODECS = {
    "h264": Codec(
        encoder="libx264",
        quality=16,
        worst_quality=51,
        preset=None,
        options=_x264,
        keeps_hdr=True,
        keeps_pixel_shape=True,
    ),
    "hevc": Codec(
        encoder="libx265",
        quality=20,
        worst_quality=51,
        preset="medium",
        options=_x265,
        keeps_hdr=True,
        keeps_pixel_shape=True,
        least_size=16,
        least_width=50,  # x265 4.1 writes past its buffers below, and the process dies later, somewhere else
    ),
    "av1": Codec(
        encoder="libsvtav1",
        quality=28,
        worst_quality=63,
        preset="8",
        options=_svt_av1,
        keeps_hdr=True,
        takes_odd_sizes=True,
        least_size=4,
    ),
    "ffv1": Codec(
        encoder="ffv1", quality=None, preset=None, options=_ffv1, keeps_everything=True, takes_odd_sizes=True
    ),
    "prores": Codec(encoder="prores_ks", quality=None, preset="hq", options=_prores),
    "h264-nvenc": _on_nvidia("h264_nvenc", 18, "yuv420p"),
    "hevc-nvenc": _on_nvidia("hevc_nvenc", 20, "yuv420p", "p010le"),
}


def choose_codec(name: str | None, suffix: str) -> tuple[Codec, str]:
    """The codec asked for (None: the container's usual one) and the container's format name.

    Raises OutputError for an unknown ending or codec, or a codec that the container cannot hold.
    """
    container = CONTAINERS.get(suffix.lower())
    if container is None:
        raise OutputError(
            f"The ending {suffix or '(none)'!r} names no container that is written here. Use one of "
            f"{', '.join(CONTAINERS)}, a folder (ending in /) for pictures, or - for y4m."
        )
    held = [codec for codec in CODECS if _holds(container, codec)]
    name = name or ("h264" if "h264" in held else "av1")
    if name not in CODECS:
        raise OutputError(f"There is no codec {name!r} here. Into {suffix} go: {', '.join(held)}.")
    if name not in held:
        homes = [ending for ending, home in CONTAINERS.items() if _holds(home, name)]
        raise OutputError(
            f"{suffix} cannot hold {name}. Into {suffix} go: {', '.join(held)}; {name} goes into {', '.join(homes)}."
        )
    return CODECS[name], container


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """A codec, and all that its encoder must be told."""

    codec: Codec
    pixel_format: str
    options: dict[str, str]


def plan_encoding(codec: Codec, settings: WriteSettings, source: VideoInfo) -> Encoding:
    """Settle what the encoder is told. Raises OutputError for a pixel format or quality that it has not, and for a
    graphics card that is not there."""
    codec.check_presence()
    quality = codec.quality if settings.quality is None else settings.quality
    if settings.quality is not None and not 0 <= settings.quality <= codec.worst_quality:
        reach = f"takes 0 (best) to {codec.worst_quality}" if codec.quality is not None else "has no quality to choose"
        raise OutputError(f"{codec.encoder} {reach}, but quality {settings.quality} was asked for.")
    pixel_format = _choose_pixel_format(codec, source, settings.pixel_format)
    crf = None if quality is None else str(quality)
    options = codec.options(crf, settings.preset or codec.preset, source.hdr, pixel_format)
    return Encoding(codec=codec, pixel_format=pixel_format, options=options)


def _choose_pixel_format(codec: Codec, source: VideoInfo, asked: str | None) -> str:
    """The film's own pixel format, or the nearest that the codec has. Raises OutputError for one it has not."""
    offered = codec.on_card or [pixel.name for pixel in av.Codec(codec.encoder, "w").video_formats or ()]
    offered = [name for name in offered if not name.startswith("yuvj") and not pixels.has_alpha(name)]
    if asked is not None:
        if asked not in offered:
            raise OutputError(f"{codec.encoder} has no pixel format {asked!r}. It has: {', '.join(offered)}.")
        return asked
    wanted = pixels.plain_format(source.pixel_format)
    if codec.keeps_everything:
        wanted = "bgr0" if wanted == "gbrp" else wanted
    elif wanted.startswith(("gray", "gbrp", "yuv41", "yuv440")):
        wanted = "yuv420p" if source.bit_depth <= 8 else "yuv420p10le"
    if wanted in offered:
        return wanted
    best, _ = find_best_pix_fmt_of_list(
        [name for name in offered if pixels.is_rgb(name) == pixels.is_rgb(wanted)], wanted
    )
    return best.name if best is not None else offered[0]


@cache
def _holds(container: str, codec: str) -> bool:
    with av.open(os.devnull, "w", format=container) as output:
        return CODECS[codec].stored in output.supported_codecs


def _mastering(hdr: Hdr) -> str:
    """The mastering display in the notation of x264 and x265."""
    assert hdr.primaries is not None
    assert hdr.luminance is not None
    red, green, blue, white = (f"({round(x * 50000)},{round(y * 50000)})" for x, y in hdr.primaries)
    darkest, brightest = (round(light * 10000) for light in hdr.luminance)
    return f"G{green}B{blue}R{red}WP{white}L({brightest},{darkest})"


def _set(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}
