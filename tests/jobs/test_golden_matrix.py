"""Every kind of film that people have, made on the spot, goes through ``enhance`` and its proof.

Once unchanged in size and rate into a lossless file, where the stored planes must come back within one level of 8
bits; once doubled in size and rate, where the pictures, times and passengers are counted. Facts are read back with
PyAV alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from scipy.ndimage import maximum_filter, minimum_filter

from made_clips import MADE_CLIPS, Sound, make_film
from stvsr.inference import Target
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance

MORE_CLIPS: dict[str, Callable[[Path], Path]] = {
    "webm_vp9": lambda folder: make_film(
        folder / "vp9.webm", codec="libvpx-vp9", sounds=(Sound(codec="libopus"),), options={"lossless": "1"}
    ),
    "av1": lambda folder: make_film(folder / "av1.mkv", codec="libsvtav1"),
    "prores_mov": lambda folder: make_film(
        folder / "prores.mov", codec="prores_ks", pixel_format="yuv422p10le", sounds=(Sound(codec="pcm_s16le"),)
    ),
    "mpeg_ts": lambda folder: make_film(folder / "broadcast.ts", codec="mpeg2video", sounds=(Sound(codec="mp2"),)),
    "avi": lambda folder: make_film(folder / "old.avi", codec="mpeg4", colours="bt601"),
    "slow_rate": lambda folder: make_film(folder / "slow.mp4", rate=Fraction(1, 2), count=5),
    "black": lambda folder: make_film(folder / "black.mp4", pictures=[np.zeros((48, 64, 3), np.uint8)] * 24),
}
CLIPS = MADE_CLIPS | MORE_CLIPS


@dataclass(frozen=True)
class Picture:
    """A stored picture: its planes in levels of 8 bits, and for each plane, where colours lie inside RGB's cube."""

    planes: list[np.ndarray]
    inside: list[np.ndarray]


def pictures(path: Path) -> list[Picture]:
    """Every stored picture of a film or a folder."""
    paths = sorted(path.iterdir(), key=lambda p: (len(p.name), p.name)) if path.is_dir() else [path]
    found = []
    for one in paths:
        with av.open(f"file:{one}") as container:
            found += [picture_of(frame) for frame in container.decode(video=0)]
    return found


def picture_of(frame: av.VideoFrame) -> Picture:
    kinds = frame.format.components
    if frame.format.name.startswith(("rgb", "bgr")):
        planes = list(np.moveaxis(frame.to_ndarray(format="gbrp").astype(float), 2, 0))
        return Picture(planes, [np.full(plane.shape, True) for plane in planes])
    number = np.uint8 if kinds[0].bits <= 8 else np.uint16
    planes = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, number).reshape(plane.height, plane.line_size // number().itemsize)
        planes.append(rows[:, : plane.width].astype(float) / 2 ** (kinds[0].bits - 8))
    return Picture(planes, inside_rgb(frame, planes))


def inside_rgb(frame: av.VideoFrame, planes: list[np.ndarray]) -> list[np.ndarray]:
    """Where a plane's samples, and all that chroma filters mix with them, are colours that a screen can show.

    A hard edge between vivid colours, with chroma at half its size, gives YUV that no RGB in [0, 1] stands for.
    """
    if len(planes) == 1:
        return [np.full(planes[0].shape, True)]
    red, blue = {1: (0.2126, 0.0722), 9: (0.2627, 0.0593)}.get(frame.colorspace, (0.299, 0.114))
    black, luma, chroma = (0, 255, 255) if frame.color_range == 2 else (16, 219, 224)
    steps = [tuple(-(-big // small) for big, small in zip(planes[0].shape, p.shape, strict=True)) for p in planes]
    height, width = planes[0].shape
    y, cb, cr = (np.kron(p, np.ones(step))[:height, :width] for p, step in zip(planes, steps, strict=True))
    y, cb, cr = (y - black) / luma, (cb - 128) / chroma, (cr - 128) / chroma
    shown = np.full(y.shape, True)
    for extreme in (minimum_filter, maximum_filter):  # whichever way chroma is interpolated
        r = y + 2 * (1 - red) * extreme(cr, size=5, mode="nearest")
        b = y + 2 * (1 - blue) * extreme(cb, size=5, mode="nearest")
        g = (y - red * r - blue * b) / (1 - red - blue)
        for channel in (r, g, b):
            shown &= (channel >= 0) & (channel <= 1)
    shown = minimum_filter(shown.astype(np.uint8), size=9, mode="nearest").astype(bool)
    return [shown[:: step[0], :: step[1]] for step in steps]


def facts(path: Path) -> tuple[list[Fraction], dict[str, int], Fraction]:
    """Times of the pictures from the first on, how many streams of each kind, and how far sound is behind."""
    with av.open(f"file:{path}") as container:
        kinds: dict[str, int] = {}
        for stream in container.streams:
            kinds[stream.type] = kinds.get(stream.type, 0) + 1
        starts = [stream.start_time * stream.time_base for stream in container.streams.audio[:1]]
        times = [frame.pts * frame.time_base for frame in container.decode(video=0)]
    return [time - times[0] for time in times], kinds, (starts or times)[0] - times[0]


@pytest.mark.parametrize("name", CLIPS)
def test_unchanged_in_size_and_rate_every_plane_comes_back(tmp_path: Path, name: str):
    source = CLIPS[name](tmp_path)
    settings = EnhanceSettings(scale=1, target=Target(), network="bicubic", codec="ffv1")
    back = tmp_path / ("back.mp4" if name == "anamorphic" else "back.mkv")  # PyAV writes no pixel aspect into Matroska
    result = enhance(source, back, settings)
    assert result.verify.ok
    before, after = pictures(source), pictures(back)
    assert len(before) == len(after) == result.frames_out
    for old, new in zip(before, after, strict=True):
        for old_plane, new_plane, inside in zip(old.planes, new.planes, old.inside, strict=True):
            assert name == "tiny" or inside.mean() > 0.25
            assert np.abs(old_plane - new_plane)[inside].max(initial=0) <= 1


@pytest.mark.parametrize("name", CLIPS)
def test_doubled_in_size_and_rate_nothing_is_lost(tmp_path: Path, name: str):
    source = CLIPS[name](tmp_path)
    result = enhance(source, settings=EnhanceSettings(scale=2, target=Target(factor=2), network="bicubic"))
    assert result.verify.ok
    assert result.frames_out == 2 * result.frames_in
    if source.is_dir():
        return
    times, kinds, offset = facts(source)
    new_times, new_kinds, new_offset = facts(result.output)
    assert len(new_times) == 2 * len(times)
    assert max(abs(new - old) for new, old in zip(new_times[::2], times, strict=True)) <= Fraction(1, 1000)
    assert {kind: new_kinds.get(kind, 0) for kind in kinds} == kinds
    assert abs(new_offset - offset) <= Fraction(1, 50)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([source.name, result.output.name])


def test_no_picture_is_a_blend_across_a_cut(tmp_path: Path):
    source = MADE_CLIPS["cuts"](tmp_path)
    settings = EnhanceSettings(scale=1, target=Target(factor=2), network="bicubic", codec="ffv1")
    enhance(source, tmp_path / "smooth.mkv", settings)
    smooth = [picture.planes[0] for picture in pictures(tmp_path / "smooth.mkv")]
    for last in range(9, len(smooth), 10):  # every fifth frame starts a scene, and there are two pictures for each
        assert np.array_equal(smooth[last], smooth[last - 1])
        if last + 1 < len(smooth):
            assert np.abs(smooth[last + 1] - smooth[last]).max() > 20
