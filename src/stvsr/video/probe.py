"""What a film is, before it is read: sizes, times, colours, streams, and what may be wrong with it."""

import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import cast

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Stream
from av.video.stream import VideoStream

from stvsr.errors import InputError
from stvsr.video import pixels
from stvsr.video.colour import colour_of
from stvsr.video.container import DecodeReport, decode, open_container, passengers, video_stream
from stvsr.video.info import Chapter, Hdr, StreamInfo, VideoInfo
from stvsr.video.pictures import probe_pictures

PACKETS_LOOKED_AT = 250
"""How many packets tell whether the frame rate is constant, unless the whole film is looked through."""


def probe(source: str | Path, *, thorough: bool = False) -> VideoInfo:
    """Find out what ``source`` is: a video file or a folder of pictures.

    Decodes one frame and reads a few hundred packets; with ``thorough``, every packet, so that the frame count and
    whether the rate is constant are certain. Standard input can be read only once: see ``VideoReader``.
    Raises InputError where there is no picture to be had.
    """
    path = Path(source)
    if path.is_dir():
        return probe_pictures(path)
    with open_container(path) as container:
        stream = video_stream(container, str(path))
        times, whole = packet_times(container, stream, None if thorough else PACKETS_LOOKED_AT)
    with open_container(path) as container:
        stream = video_stream(container, str(path))
        frame = next(decode(container, stream, DecodeReport()), None)
        if frame is None:
            raise InputError(f"{path} holds no picture that can be decoded. Check that it plays elsewhere.")
        info = describe(container, stream, frame, str(path), constant_rate=_is_constant(times))
        return replace(info, frame_count=len(times)) if whole and times and not info.frame_count else info


def describe(
    container: InputContainer, stream: VideoStream, frame: av.VideoFrame, path: str, *, constant_rate: bool
) -> VideoInfo:
    """The facts of an opened film, with its first frame."""
    tick = stream.time_base or Fraction(1, 1000)
    rate = _standard_rate(stream.average_rate or stream.guessed_rate or stream.codec_context.framerate or None)
    start = frame.pts if frame.pts is not None else (stream.start_time or 0)
    colour = colour_of(
        matrix=frame.colorspace,
        color_range=frame.color_range,
        primaries=frame.color_primaries,
        transfer=frame.color_trc,
        height=frame.height,
        is_rgb=pixels.is_rgb(frame.format.name),
        is_full_format=frame.format.name.startswith("yuvj"),
    )
    sides = {side.type: bytes(side) for side in cast(SideDataContainer, frame.side_data)}
    matrix = sides.get(SideDataType.DISPLAYMATRIX)
    info = VideoInfo(
        path=path,
        container=container.format.name,
        codec=stream.codec_context.codec.canonical_name,
        width=frame.width,
        height=frame.height,
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        rotation=frame.rotation,
        display_matrix=struct.unpack("9i", matrix) if matrix else None,
        pixel_format=frame.format.name,
        bit_depth=pixels.bit_depth(frame.format.name),
        colour=colour,
        hdr=_hdr(sides),
        interlaced=frame.interlaced_frame or stream.codec_context.field_order > 1,
        time_base=_clock(tick, rate if constant_rate else None),
        start_time=start * tick,
        duration=_duration(container, stream, start * tick),
        average_rate=rate,
        constant_rate=constant_rate,
        frame_count=stream.frames or None,
        streams=tuple(_stream_info(other) for other in passengers(container, stream)),
        chapters=tuple(_chapter(chapter) for chapter in container.chapters()),
        metadata=dict(container.metadata),
    )
    return replace(info, remarks=remarks_on(info))


def packet_times(container: InputContainer, stream: VideoStream, most: int | None) -> tuple[list[int], bool]:
    """Times of the first packets (or all) in order of display, in ticks; and whether those are all there are."""
    times = []
    try:
        for packet in container.demux(stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if time is not None and not packet.is_discard:
                times.append(time)
            if len(times) == most:
                return sorted(times)[
                    : len(times) - min(16, len(times) // 2)
                ], False  # packets to come may be shown before these
    except (FFmpegError, OSError):
        return sorted(times), False  # the reader counts what a broken end loses
    return sorted(times), True


def remarks_on(info: VideoInfo) -> tuple[str, ...]:
    """What a user should know before the work starts."""
    colour, multiple = info.colour, pixels.size_multiple(info.pixel_format)
    said = (
        (colour.guessed, f"the file does not tell its colour {', '.join(colour.guessed)}: taken as {colour}"),
        (colour.hdr, f"high dynamic range ({colour.hdr}): kept as it is"),
        (not info.constant_rate, "the frame rate varies: every frame keeps its own time"),
        (info.interlaced, "interlaced: fields are taken as frames; deinterlace first (bwdif) for clean edges"),
        (info.sample_aspect_ratio != 1, f"pixels are not square ({info.sample_aspect_ratio}): kept"),
        (info.display_matrix, f"players turn the picture by {info.rotation} degrees: kept"),
        (info.width % multiple[0] or info.height % multiple[1], f"odd size {info.width}x{info.height}"),
        (pixels.has_alpha(info.pixel_format), "transparency is dropped"),
        (info.start_time, f"the picture starts at {float(info.start_time):.3f} s: kept"),
        (info.average_rate is None, "the file tells no frame rate"),
        (
            (info.average_rate or 0) > 120,
            f"{float(info.average_rate or 0):g} frames per second is more than films have",
        ),
    )
    return tuple(remark for holds, remark in said if holds)


def _is_constant(times: Sequence[int]) -> bool:
    """Whether all intervals are equal but for the rounding of the time stamps."""
    gaps = [after - before for before, after in pairwise(times)]
    return not gaps or max(gaps) - min(gaps) <= 1


def _standard_rate(rate: Fraction | None) -> Fraction | None:
    """60000/1001 for what Matroska's nanoseconds made of it (19001/317)."""
    if not rate:
        return None
    for standard in (Fraction(round(rate)), Fraction(round(rate * 1001 / 1000) * 1000, 1001)):
        if abs(standard - rate) * 10**6 < rate:
            return standard
    return rate


def _clock(tick: Fraction, rate: Fraction | None) -> Fraction:
    """The time base in which times are exact.

    Matroska rounds times to milliseconds but tells the exact rate, for instance 24000/1001; the reader undoes the
    rounding, so the clock must hold both.
    """
    if tick < Fraction(1, 1000) or not rate or rate.denominator not in (1, 1001) or rate > 1000:
        return tick
    period = 1 / rate
    return Fraction(
        math.gcd(tick.numerator * period.denominator, period.numerator * tick.denominator),
        tick.denominator * period.denominator,
    )


def _duration(container: InputContainer, stream: VideoStream, start: Fraction) -> Fraction | None:
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    # Matroska tells when each stream ends, as 00:00:02.000000000
    if told := re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(Fraction, told.groups())
        return hours * 3600 + minutes * 60 + seconds - start
    return Fraction(container.duration, av.time_base) if container.duration else None


def _hdr(sides: dict[SideDataType, bytes]) -> Hdr | None:
    mastering = sides.get(SideDataType.MASTERING_DISPLAY_METADATA)
    light = sides.get(SideDataType.CONTENT_LIGHT_LEVEL)
    if not mastering and not light:
        return None
    primaries = luminance = None
    if mastering:  # struct AVMasteringDisplayMetadata: ten rationals, then which of them are set
        *numbers, has_primaries, has_luminance = struct.unpack("22i", mastering[:88])
        value = [Fraction(top, bottom or 1) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)]
        primaries = tuple(zip(value[0:8:2], value[1:8:2], strict=True)) if has_primaries else None
        luminance = (value[8], value[9]) if has_luminance else None
    content_light = struct.unpack("2I", light[:8]) if light else None
    return Hdr(primaries=primaries, luminance=luminance, content_light=content_light)


def _stream_info(stream: Stream) -> StreamInfo:
    context, tick = stream.codec_context, stream.time_base
    sound = stream.codec_context if isinstance(stream, AudioStream) else None
    return StreamInfo(
        index=stream.index,
        kind=stream.type,
        codec=context.codec.canonical_name
        if context is not None
        else stream.metadata.get("filename") or stream.name or "unknown",
        language=stream.language,
        title=stream.metadata.get("title"),
        start_time=stream.start_time * tick if stream.start_time is not None and tick else None,
        duration=stream.duration * tick if stream.duration is not None and tick else None,
        sample_rate=sound.sample_rate if sound else None,
        channels=sound.channels if sound else None,
    )


def _chapter(chapter: Mapping) -> Chapter:
    tick = chapter["time_base"] or Fraction(1, av.time_base)
    return Chapter(start=chapter["start"] * tick, end=chapter["end"] * tick, title=chapter["metadata"].get("title", ""))
