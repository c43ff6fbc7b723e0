"""What lies at a path says what kind of training data it is."""

from pathlib import Path

import pytest
import torch

from made_clips import make_film
from stvsr.data.memory import ShotSource
from stvsr.data.open import open_source, open_stills
from stvsr.data.pack import Packing, pack
from stvsr.data.source import ClipSource, Source
from stvsr.data.stills import StillSource
from stvsr.errors import TrainingError


def table(folder: Path, *_) -> Path:
    make_film(folder / "a.mkv", codec="ffv1")
    (folder / "footage.csv").write_text('file,quality,shots,crop\na.mkv,5,"[[0, 12], [12, 24]]",\n')
    return folder


def frames(folder: Path, glide, save_pictures) -> Path:
    save_pictures(folder / "one", glide(8, 32, 32))
    save_pictures(folder / "two", glide(8, 32, 32))
    return folder


def vimeo(folder: Path, glide, save_pictures) -> Path:
    for number in (1, 2):
        save_pictures(folder / f"sequences/00001/{number:04d}", glide(7, 16, 16), "im{}.png", first=1)
    (folder / "sep_trainlist.txt").write_text("00001/0001\n00001/0002\n")
    return folder


def videos(folder: Path, *_) -> Path:
    make_film(folder / "a.mkv", codec="ffv1")
    (folder / "deep").mkdir()
    make_film(folder / "deep" / "b.MP4")
    (folder / "notes.txt").write_text("hello")
    return folder


def one_video(folder: Path, *_) -> Path:
    return make_film(folder / "a.mkv", codec="ffv1")


def a_pack(folder: Path, glide, save_pictures) -> Path:
    packing = Packing(clips=2, frames=5, size=(16, 16))
    return pack(open_source(frames(folder, glide, save_pictures)), folder / "a.pack", packing)


@pytest.mark.parametrize(
    ("make", "kind", "names"),
    [
        (table, ShotSource, ["a.mkv:0", "a.mkv:1"]),
        (frames, ClipSource, ["one", "two"]),
        (vimeo, ClipSource, ["00001/0001", "00001/0002"]),
        (videos, ClipSource, ["a.mkv", "deep/b.MP4"]),
        (one_video, ClipSource, ["a.mkv"]),
        (a_pack, ClipSource, ["a.pack:00000.mkv", "a.pack:00001.mkv"]),
    ],
)
def test_every_kind_is_recognised(tmp_path: Path, glide, save_pictures, make, kind: type, names: list[str]):
    source = open_source(make(tmp_path, glide, save_pictures))
    assert isinstance(source, kind)
    assert isinstance(source, Source)
    assert [clip.name for clip in source.clips] == names


def loose_pictures(folder: Path, picture, save_pictures) -> Path:
    save_pictures(folder, picture(32, 48)[None].mul(255).byte().repeat(2, 1, 1, 1), "holiday{}.png")
    return folder


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (loose_pictures, ["holiday0.png", "holiday1.png"]),
        (one_video, ["a.mkv"]),
        (table, ["a.mkv:0", "a.mkv:1"]),
    ],
)
def test_stills_are_pictures_or_the_frames_of_whatever_is_there(
    tmp_path: Path, picture, save_pictures, make, names: list[str]
):
    source = open_stills(make(tmp_path, picture, save_pictures))
    assert isinstance(source, StillSource)
    assert [clip.name for clip in source.clips] == names
    assert source.clips[0].read([0]).dtype == torch.uint8


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nowhere", "There is nothing at"),
        (lambda folder: folder, "holds nothing, none of which is recognised"),
        (lambda folder: (folder / "a.txt").write_text("") or folder, r"holds 1 files \(.txt\), none of which"),
        (lambda folder: (folder / "a.txt").write_text("") or folder / "a.txt", "is no video and no pack"),
        (lambda folder: (folder / "a.mp4").touch() or folder, "None of the 1 videos"),
    ],
)
def test_what_cannot_be_used_stops_and_says_what_could(tmp_path: Path, make, words: str):
    with pytest.raises(TrainingError, match=words) as caught:
        open_source(make(tmp_path), report=str)
    if "recognised" in words:
        assert "tri_trainlist.txt" in str(caught.value)
        assert ".mkv" in str(caught.value)


def test_videos_beside_frame_folders_are_not_guessed_about(tmp_path: Path, glide, save_pictures):
    frames(videos(tmp_path), glide, save_pictures)
    with pytest.raises(TrainingError, match=r"holds both videos .* and folders of pictures"):
        open_source(tmp_path)
