"""Small films made on the spot, one trouble each: ``MADE_CLIPS["variable_rate"](folder)`` returns the film's path.

The picture is drawn as RGB, with colour patches, gradients and a moving square, and stored by our own arithmetic
nowhere: FFmpeg's swscale makes the planes. Each film is 24 frames of 64x48 at most, and made in a few milliseconds.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import SubtitleSet

NTSC_FILM = Fraction(24000, 1001)
CODES = {"bt601": (6, 6, 6), "bt709": (1, 1, 1), "pq": (9, 9, 16), "hlg": (9, 9, 18)}
_SWSCALE = {6: 5, 1: 1, 9: 9}
PATCHES = ((235, 40, 40), (40, 235, 40), (40, 40, 235), (128, 128, 128), (200, 200, 60), (60, 200, 200), (20, 20, 20))


@dataclass(frozen=True, kw_only=True)
class Sound:
    """A sine as one audio stream."""

    codec: str = "aac"
    language: str = "eng"
    hertz: int = 440


def picture(index: int, width: int = 64, height: int = 48, scene: int = 0) -> np.ndarray:
    """Frame ``index`` as RGB, uint8, h w 3: gradients, a row of patches, and a square that moves two pixels a frame."""
    across = np.linspace(0.1, 0.9, width)[None, :]
    down = np.linspace(0.1, 0.9, height)[:, None]
    planes = [across + 0 * down, 0 * across + down, 1 - (across + down) / 2]
    image = np.stack([planes[(channel + scene) % 3] for channel in range(3)], axis=2)
    if scene % 2:
        image = image[::-1] * np.array([0.35, 0.75, 0.5]) ** (1 + scene % 3)
    image = (image * 255).astype(np.uint8)
    patch = max(1, width // len(PATCHES))
    for place in range(len(PATCHES)):
        image[height - height // 4 :, place * patch : (place + 1) * patch] = PATCHES[(place + scene) % len(PATCHES)]
    side = max(1, min(width, height) // 5)
    left, top = (4 + 2 * index) % max(1, width - side), (2 + index) % max(1, height // 2)
    image[top : top + side, left : left + side] = (250, 240, 60) if scene % 2 == 0 else (20, 30, 90)
    return image


def make_film(
    path: Path,
    *,
    times: Sequence[Fraction] | None = None,
    rate: Fraction = Fraction(24),
    count: int = 24,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    colours: str | None = "bt709",
    full_range: bool = False,
    aspect: Fraction = Fraction(1),
    rotation: int = 0,
    sounds: Sequence[Sound] = (),
    subtitles: Sequence[tuple[Fraction, Fraction, str]] = (),
    chapters: bool = False,
    attachment: bytes | None = None,
    start: Fraction = Fraction(0),
    pictures: Iterable[np.ndarray] | None = None,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Write a film. times: when each frame is shown, and the last one's end (default: ``count`` frames at ``rate``)."""
    times = list(times) if times is not None else [index / rate for index in range(count + 1)]
    times = [start + time for time in times]
    tick = Fraction(1, math.lcm(*(time.denominator for time in times), rate.numerator))
    matrix, primaries, transfer = CODES[colours] if colours else (2, 2, 2)
    with av.open(str(path), "w") as output:
        lossless = {
            "libx264": {"crf": "0", "preset": "ultrafast"},
            "libx265": {"x265-params": "lossless=1:log-level=0"},
        }
        stream = output.add_stream(codec, rate=rate, options=lossless.get(codec, {}) | (options or {}))
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = *size, pixel_format
        context.time_base = stream.time_base = tick
        context.flags |= Flags.frame_duration
        context.sample_aspect_ratio = aspect
        context.color_range = 2 if full_range else 1 if colours else 0
        context.colorspace, context.color_primaries, context.color_trc = matrix, primaries, transfer
        if rotation:
            stream.set_display_rotation(rotation)
        voices = [(_add_sound(output, sound), sound) for sound in sounds]
        words = _add_subtitles(output) if subtitles else None
        if attachment is not None:
            output.add_attachment("font.ttf", "font/ttf", attachment)
        if chapters:
            middle, end = 1000 * (times[-1] - times[0]) / 2, 1000 * (times[-1] - times[0])
            marks = [(0, int(middle), "First half"), (int(middle), int(end), "Second half")]
            output.set_chapters(
                [
                    {
                        "id": number,
                        "start": begin,
                        "end": stop,
                        "time_base": Fraction(1, 1000),
                        "metadata": {"title": name},
                    }
                    for number, (begin, stop, name) in enumerate(marks)
                ]
            )
        output.metadata.update(metadata or {})
        for voice, sound in voices:
            for packet in _sine(voice, sound, times[-1] - times[0], start):
                output.mux(packet)
        for begin, stop, text in subtitles:
            output.mux(_subtitle(words, begin, stop, text))
        drawn = iter(pictures) if pictures is not None else (picture(index, *size) for index in range(len(times) - 1))
        for (time, after), image in zip(pairwise(times), drawn, strict=False):
            frame = _planes(image, pixel_format, matrix, full_range)
            frame.pts, frame.duration, frame.time_base = int(time / tick), int((after - time) / tick), tick
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _planes(image: np.ndarray, pixel_format: str, matrix: int, full_range: bool) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    code, spread = _SWSCALE.get(matrix, 5), 2 if full_range else 1
    return rgb.reformat(
        format=pixel_format,
        src_colorspace=code,
        dst_colorspace=code,
        src_color_range=2,
        dst_color_range=spread,
        threads=1,
    )


def _add_sound(output: OutputContainer, sound: Sound) -> AudioStream:
    voice = output.add_stream(sound.codec, rate=48000)
    voice.codec_context.layout = "mono"
    voice.metadata["language"] = sound.language
    return voice


def _sine(voice: AudioStream, sound: Sound, seconds: Fraction, start: Fraction) -> Iterable[Packet]:
    samples = int(seconds * 48000)
    wave = (8000 * np.sin(np.arange(samples) * 2 * np.pi * sound.hertz / 48000)).astype(np.int16)
    for first in range(0, samples, 1024):
        frame = av.AudioFrame.from_ndarray(wave[None, first : first + 1024], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, first + int(start * 48000), Fraction(1, 48000)
        yield from voice.encode(frame)
    yield from voice.encode(None)


def _add_subtitles(output: OutputContainer) -> SubtitleStream:
    words = output.add_stream("mov_text" if output.format.name in ("mp4", "mov") else "subrip")
    words.codec_context.subtitle_header = ASS_HEADER
    words.codec_context.time_base = words.time_base = Fraction(1, 1000)
    words.metadata["language"] = "eng"
    return words


ASS_HEADER = b"""[Script Info]
ScriptType: v4.00+

[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""


def _subtitle(words: SubtitleStream, begin: Fraction, stop: Fraction, text: str) -> Packet:
    line = f"0,0,Default,,0,0,0,,{text}".encode()
    shown = SubtitleSet.create(line, 0, int((stop - begin) * 1000), int(begin * 1000), 1)
    packet = words.codec_context.encode_subtitle(shown)
    packet.stream, packet.time_base = words, Fraction(1, 1000)
    packet.pts = packet.dts = int(begin * 1000)
    packet.duration = int((stop - begin) * 1000)
    return packet


def with_cuts(count: int, every: int, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Pictures of ``count`` frames whose scene changes every so many."""
    return [picture(index, width, height, scene=index // every) for index in range(count)]


def _variable_rate(folder: Path) -> Path:
    gaps = [1, 1, 3, 1, 2, 1, 1, 5, 1, 1, 2, 1]
    times = [Fraction(sum(gaps[:index]), 30) for index in range(len(gaps) + 1)]
    return make_film(folder / "variable.mp4", times=times, rate=Fraction(30))


def _hdr10(folder: Path) -> Path:
    display = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    words = f"lossless=1:log-level=0:master-display={display}:max-cll=1000,400"
    return make_film(
        folder / "pq.mp4",
        codec="libx265",
        pixel_format="yuv420p10le",
        colours="pq",
        options={"x265-params": words},
    )


def _talkie(folder: Path) -> Path:
    return make_film(
        folder / "talkie.mkv",
        sounds=(Sound(), Sound(codec="flac", language="deu", hertz=880)),
        subtitles=((Fraction(1, 10), Fraction(4, 10), "Hello"), (Fraction(1, 2), Fraction(9, 10), "World")),
        chapters=True,
        attachment=b"not really a font",
        metadata={"title": "A talkie", "artist": "Nobody"},
    )


def _truncated(folder: Path) -> Path:
    path = make_film(folder / "whole.mp4")
    data = path.read_bytes()
    (folder / "truncated.mp4").write_bytes(data[: data.index(b"moov")])
    return folder / "truncated.mp4"


def _broken_middle(folder: Path) -> Path:
    path = make_film(folder / "broken.mkv", codec="ffv1", options={"level": "3", "slicecrc": "1", "g": "1"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 600] = bytes(600)
    path.write_bytes(data)
    return path


def _audio_only(folder: Path) -> Path:
    path = folder / "sound.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        voice = _add_sound(output, Sound())
        for packet in _sine(voice, Sound(), Fraction(1, 2), Fraction(0)):
            output.mux(packet)
    return path


def _text(folder: Path) -> Path:
    (folder / "text.mp4").write_text("This is not a film.\n" * 40)
    return folder / "text.mp4"


def _pictures(folder: Path) -> Path:
    pictures = folder / "pictures"
    pictures.mkdir()
    for index in range(12):
        av.VideoFrame.from_ndarray(picture(index)).save(str(pictures / f"frame{index}.png"))
    return pictures


MADE_CLIPS: dict[str, Callable[[Path], Path]] = {
    "plain": lambda folder: make_film(folder / "plain.mp4"),
    "variable_rate": _variable_rate,
    "ntsc_film": lambda folder: make_film(folder / "ntsc.mp4", rate=NTSC_FILM),
    "ntsc_film_mkv": lambda folder: make_film(folder / "ntsc.mkv", rate=NTSC_FILM),
    "rate_59_94": lambda folder: make_film(folder / "fast.mp4", rate=Fraction(60000, 1001)),
    "ten_bit": lambda folder: make_film(folder / "ten.mp4", codec="libx265", pixel_format="yuv420p10le"),
    "pq": _hdr10,
    "hlg": lambda folder: make_film(folder / "hlg.mkv", codec="libx265", pixel_format="yuv420p10le", colours="hlg"),
    "full_range": lambda folder: make_film(folder / "full.mp4", full_range=True),
    "bt601": lambda folder: make_film(folder / "bt601.mp4", colours="bt601"),
    "bt601_full_range": lambda folder: make_film(folder / "bt601full.mp4", colours="bt601", full_range=True),
    "untagged": lambda folder: make_film(folder / "untagged.mp4", colours=None),
    "yuv422": lambda folder: make_film(folder / "yuv422.mp4", pixel_format="yuv422p"),
    "yuv444": lambda folder: make_film(folder / "yuv444.mp4", pixel_format="yuv444p"),
    "grey": lambda folder: make_film(folder / "grey.mkv", codec="ffv1", pixel_format="gray"),
    "rgb": lambda folder: make_film(folder / "rgb.mkv", codec="ffv1", pixel_format="bgr0", colours=None),
    "anamorphic": lambda folder: make_film(folder / "anamorphic.mp4", aspect=Fraction(64, 45)),
    "rotated": lambda folder: make_film(folder / "rotated.mp4", rotation=90),
    "talkie": _talkie,
    "talkie_mp4": lambda folder: make_film(
        folder / "talkie.mp4",
        sounds=(Sound(), Sound(language="fra")),
        subtitles=((Fraction(0), Fraction(1, 2), "Oui"),),
    ),
    "odd_size": lambda folder: make_film(folder / "odd.mkv", codec="ffv1", size=(65, 49)),
    "one_frame": lambda folder: make_film(folder / "one.mp4", count=1),
    "tiny": lambda folder: make_film(folder / "tiny.mp4", size=(8, 8), count=8),
    "cuts": lambda folder: make_film(folder / "cuts.mp4", count=20, pictures=with_cuts(20, 5)),
    "unicode_name": lambda folder: make_film(folder / "Größe 大きい: été.mp4"),
    "late_start": lambda folder: make_film(folder / "late.mp4", start=Fraction(1, 2), sounds=(Sound(),)),
    "pictures": _pictures,
}
"""Films that can be enhanced."""

BAD_CLIPS: dict[str, Callable[[Path], Path]] = {
    "text": _text,
    "audio_only": _audio_only,
    "truncated": _truncated,
}
"""Files that cannot."""
