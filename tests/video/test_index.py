"""A frame found again by its number is the frame that reading from the start gave, however badly the film is sought."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from made_clips import MADE_CLIPS, make_film
from stvsr.video import VideoReader
from stvsr.video.deinterlace import deinterlaced
from stvsr.video.index import FrameIndex, frames_between
from stvsr.video.info import VideoInfo

FILMS = {
    "open groups": {"options": {"x264-params": "open-gop=1:keyint=10:bframes=3:scenecut=0", "crf": "30"}},
    "no key frames but the first": {"options": {"x264-params": "intra-refresh=1:keyint=12:bframes=0", "crf": "30"}},
    "broadcast": {"path": "film.ts", "codec": "mpeg2video", "options": {"g": "12", "bf": "2"}},
    "variable rate": {"times": [Fraction(n * n + 40 * n, 1000) for n in range(61)]},
}


def indexed(path: Path) -> tuple[VideoInfo, FrameIndex, list[bytes]]:
    index, planes = FrameIndex(), []
    with VideoReader(path) as reader:
        for frame, _, _ in reader.timed():
            index.add(frame, reader.info)
            planes.append(frame.to_ndarray().tobytes())
        return reader.info, index, planes


@pytest.mark.parametrize("kind", FILMS)
def test_frames_are_found_again(tmp_path: Path, kind: str):
    facts = dict(FILMS[kind])
    path = make_film(tmp_path / str(facts.pop("path", "film.mkv")), count=60, **facts)  # pyright: ignore
    info, index, planes = indexed(path)
    assert len(planes) == 60
    for first, stop in [(0, 5), (7, 9), (19, 42), (30, 31), (55, 60)]:
        found = [frame.to_ndarray().tobytes() for frame in frames_between(path, info, index, first, stop)]
        assert found == planes[first:stop]


def test_frames_without_usable_times_are_counted_from_the_start(tmp_path: Path):
    path = make_film(tmp_path / "film.mkv", count=30)
    info, index, planes = indexed(path)
    index.stamps[10] = index.stamps[9]
    assert not index.can_be_sought()
    found = [frame.to_ndarray().tobytes() for frame in frames_between(path, info, index, 20, 25)]
    assert found == planes[20:25]


def test_a_folder_of_pictures_has_numbers_too(tmp_path: Path):
    path = MADE_CLIPS["pictures"](tmp_path)
    info, index, planes = indexed(path)
    assert [frame.to_ndarray().tobytes() for frame in frames_between(path, info, index, 3, 8)] == planes[3:8]


def combed(count: int) -> list[np.ndarray]:
    """A bar that moves four pixels a field, its odd rows half a frame later."""
    pictures = []
    for index in range(count):
        picture = np.full((48, 64, 3), 40, np.uint8)
        for field in range(2):
            left = 4 * (2 * index + field) % 48
            picture[field::2, left : left + 12] = 220
        pictures.append(picture)
    return pictures


def comb(luma: np.ndarray) -> float:
    """How much neighbouring rows differ, beside rows two apart."""
    luma = luma.astype(float)
    return np.abs(np.diff(luma, axis=0)).mean() - np.abs(luma[2:] - luma[:-2]).mean()


def test_deinterlacing_removes_the_combs_and_nothing_else(tmp_path: Path):
    path = make_film(tmp_path / "combed.mkv", codec="ffv1", pictures=combed(10), count=10)
    with av.open(str(path)) as film:
        before = [(frame.pts, comb(frame.to_ndarray()[:48])) for frame in film.decode(video=0)]
    with av.open(str(path)) as film:
        after = [(frame.pts, comb(frame.to_ndarray()[:48])) for frame in deinterlaced(film.decode(video=0))]
    assert [pts for pts, _ in after] == [pts for pts, _ in before]
    assert min(amount for _, amount in before) > 15
    assert max(amount for _, amount in after) < 6
