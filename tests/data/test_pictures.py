"""Frame folders and Vimeo-90K as they come from their makers' archives."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stvsr.data.pictures import open_frame_folders, open_vimeo, read_picture
from stvsr.data.source import Cadence, Size
from stvsr.errors import TrainingError


def test_every_folder_of_numbered_pictures_is_a_clip_in_the_order_of_its_numbers(tmp_path: Path, glide, save_pictures):
    frames = glide(12, 24, 32)
    save_pictures(tmp_path / "train_sharp" / "000", frames, "{:08d}.png")
    save_pictures(tmp_path / "train_sharp" / "001", frames, "frame_{}.png", first=7)  # 10 comes after 9
    source = open_frame_folders(tmp_path)
    assert source is not None
    assert [clip.name for clip in source.clips] == ["train_sharp/000", "train_sharp/001"]
    assert all(torch.equal(clip.read(range(12)), frames) for clip in source.clips)


def test_copies_made_worse_for_other_tasks_are_left_out(tmp_path: Path, glide, save_pictures):
    for name in ("GOPR1/sharp", "GOPR1/blur", "GOPR1/blur_gamma", "train_sharp_bicubic/X4/000", "train_blur/000"):
        save_pictures(tmp_path / name, glide(3, 16, 16))
    said: list[str] = []
    source = open_frame_folders(tmp_path, said.append)
    assert source is not None
    assert [clip.name for clip in source.clips] == ["GOPR1/sharp"]
    assert said == [f"{tmp_path}: 4 folders of blurred or shrunk copies are left out"]


def test_a_missing_number_ends_a_clip(tmp_path: Path, glide, save_pictures):
    paths = save_pictures(tmp_path / "a", glide(9, 16, 16))
    paths[3].unlink()
    source = open_frame_folders(tmp_path)
    assert source is not None
    assert [(clip.name, len(clip)) for clip in source.clips] == [("a:000", 3), ("a:004", 5)]


def test_frames_of_two_sizes_in_a_folder_are_said_and_never_mixed(tmp_path: Path, glide, save_pictures):
    save_pictures(tmp_path / "a", glide(4, 24, 24))
    save_pictures(tmp_path / "a", glide(4, 16, 24), first=4)
    said: list[str] = []
    source = open_frame_folders(tmp_path, said.append)
    assert source is not None
    cadence = Cadence(keys=2, factor=2, probability=1.0)
    source.prepare([cadence], Size(16, 16))
    for seed in range(20):
        source.cut(cadence, Size(16, 16), 0, np.random.default_rng(seed))
    assert said == ["a mixes frames of 24x16 and 24x24. Keep frames of one size in a folder. It is left out."]


@pytest.mark.parametrize(
    ("picture", "expected"),
    [
        (Image.fromarray(np.full((4, 4), 90, np.uint8)), (90, 90, 90)),
        (Image.fromarray(np.full((4, 4), 90 * 257, np.uint16)), (90, 90, 90)),
        (Image.new("RGBA", (4, 4), (1, 2, 3, 40)), (1, 2, 3)),
        (Image.new("RGB", (4, 4), (1, 2, 3)).quantize(4), (1, 2, 3)),
    ],
    ids=["grey", "grey of 16 bits", "transparent", "palette"],
)
def test_any_picture_becomes_rgb_of_8_bits(tmp_path: Path, picture: Image.Image, expected: tuple[int, int, int]):
    picture.save(tmp_path / "a.png")
    assert read_picture(tmp_path / "a.png")[:, 2, 2].tolist() == list(expected)


def torn(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (torn, "cannot be read"),
        (lambda path: path.write_text("no picture"), "cannot be read"),
        (Path.unlink, "not there"),
    ],
)
def test_a_broken_picture_is_an_error_with_its_path(tmp_path: Path, picture, save_pictures, harm, words: str):
    (path,) = save_pictures(tmp_path, picture(64, 64)[None].mul(255).byte())
    harm(path)
    with pytest.raises(TrainingError, match=f"000.png .*{words}"):
        read_picture(path)


@pytest.fixture
def vimeo(tmp_path: Path, glide, save_pictures) -> Path:
    """Three septuplets, one of them for testing."""
    for number in (1, 2, 3):
        save_pictures(tmp_path / f"sequences/00001/{number:04d}", glide(7, 16, 16, seed=number), "im{}.png", first=1)
    (tmp_path / "sep_trainlist.txt").write_text("00001/0001\n00001/0003\n\n")
    (tmp_path / "sep_testlist.txt").write_text("00001/0002\n")
    (tmp_path / "fast_testset.txt").write_text("00001/0002")
    return tmp_path


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("train", ["00001/0001", "00001/0003"]),
        ("test", ["00001/0002"]),
        ("fast", ["00001/0002"]),
        ("sep_trainlist.txt", ["00001/0001", "00001/0003"]),
    ],
)
def test_vimeo_septuplets_follow_their_lists(vimeo: Path, glide, part: str, names: list[str]):
    source = open_vimeo(vimeo, vimeo / part if part.endswith(".txt") else part)
    assert [clip.name for clip in source.clips] == names
    assert torch.equal(source.clips[0].read(range(7)), glide(7, 16, 16, seed=int(names[0][-1])))


def test_vimeo_triplets_have_three_frames(tmp_path: Path, glide, save_pictures):
    save_pictures(tmp_path / "sequences/00001/0001", glide(3, 16, 16), "im{}.png", first=1)
    (tmp_path / "tri_trainlist.txt").write_text("00001/0001\n")
    source = open_vimeo(tmp_path)
    assert len(source.clips[0]) == 3
    with pytest.raises(TrainingError, match="span 7 frames, but the longest of 1 clips has 3"):
        source.prepare([Cadence(keys=4, factor=2, probability=1.0)], Size(16, 16))


@pytest.mark.parametrize(
    ("part", "text", "words"),
    [
        ("slow", None, "no list .*slow_testset.txt"),
        ("train", "", "is empty"),
        ("train", "00009/0001", "lists 00009/0001, but there is no"),
    ],
)
def test_an_incomplete_vimeo_stops(vimeo: Path, part: str, text: str | None, words: str):
    if text is not None:
        (vimeo / "sep_trainlist.txt").write_text(text)
    with pytest.raises(TrainingError, match=words):
        open_vimeo(vimeo, part)
