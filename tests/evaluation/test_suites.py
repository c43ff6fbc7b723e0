"""Every suite finds its clips in the layout in which it is had, and names what is missing."""

from pathlib import Path

import pytest
import torch

from stvsr.errors import InputError, SettingsError
from stvsr.evaluation.clips import read_clip
from stvsr.evaluation.protocol import Sampling, make_task
from stvsr.evaluation.suites import SUITES, suite_called

from .conftest import moving_texture, write_picture, write_pictures

MIDDLEBURY = Path(__file__).parents[3] / "shared/footage/eval/Middlebury-other"
SEPTUPLET = [f"sequences/{{}}/im{i}.png" for i in range(1, 8)]
LAYOUTS = {
    "vid4": ("GT/{}/0.png",),
    "vimeo-fast": ("fast_testset.txt", *SEPTUPLET),
    "vimeo-medium": ("sep_medium_testset.txt", *SEPTUPLET),
    "vimeo-slow": ("slow_testset.txt", *SEPTUPLET),
    "vimeo-septuplets": ("sep_testlist.txt", *SEPTUPLET),
    "vimeo-triplets": ("tri_testlist.txt", *SEPTUPLET[:3]),
    "ucf101": ("{}/frame_00.png", "{}/frame_01_gt.png", "{}/frame_02.png", "{}/frame_01_ours.png"),
    "middlebury": ("other-data/{}/frame10.png", "other-gt-interp/{}/frame10i11.png", "other-data/{}/frame11.png"),
    "adobe240": ("original_high_fps_videos/{}.MOV",),
    "gopro": ("test/{}/000001.png",),
    "spmcs": ("{}/truth/0001.png", "{}/input4/0001.png"),
    "udm10": ("{}/0000.png",),
    "reds4": ("{}/00000000.png",),
    "folder": ("{}.mp4", ".hidden/1.png", "notes.txt"),
}


FIRST_CLIPS = {
    "vid4": ["walk"],
    "ucf101": ["9", "10"],
    "middlebury": ["Venus"],
    "adobe240": ["IMG_0001"],
    "gopro": ["GOPR0384_11_00"],
    "spmcs": ["car05_001"],
    "udm10": ["000", "001"],
    "reds4": ["000"],
    "folder": ["9", "10"],
}


def lay_out(data: Path, suite: str) -> None:
    """Empty files where those of some of the suite's clips would be, and lists of them."""
    names = FIRST_CLIPS.get(suite, ["00001/0266", "00001/0268"])
    for name in names:
        for file in LAYOUTS[suite]:
            path = data / file.format(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(names))


def test_every_suite_has_a_layout_here():
    assert list(LAYOUTS) == list(SUITES)


@pytest.mark.parametrize("suite", SUITES)
def test_every_suite_finds_its_clips_where_they_are_had(tmp_path, suite):
    lay_out(tmp_path, suite)
    clips, missing = SUITES[suite].find(tmp_path)
    first = next(clip for clip in clips.values() if clip)
    if isinstance(first, tuple):
        assert len(first) == len([file for file in LAYOUTS[suite] if "/" in file and "ours" not in file])
        assert all(path.is_file() for path in first)
    else:
        assert first.exists()
    if suite == "folder":
        assert list(clips) == ["10.mp4", "9.mp4"]
        assert missing == []
    elif suite == "ucf101":
        assert list(clips) == ["9", "10"]
        assert missing == ["it has 2 of 379 clips"]
    else:
        assert missing, "a few clips are not the whole suite"


@pytest.mark.parametrize("suite", SUITES)
def test_missing_data_are_named_with_the_layout_and_where_they_are_had(tmp_path, suite):
    with pytest.raises(InputError) as raised:
        SUITES[suite].clips(tmp_path)
    message = str(raised.value)
    assert str(tmp_path) in message
    assert SUITES[suite].layout in message
    assert SUITES[suite].origin in message
    assert len(message) < 700
    with pytest.raises(InputError, match="no folder"):
        SUITES[suite].clips(tmp_path / "gone")


def test_an_incomplete_suite_is_not_measured(tmp_path):
    write_pictures(tmp_path / "calendar", moving_texture(3, 16, 16))
    with pytest.raises(InputError, match=r"calendar has 3 of 41 frames, city has 0 of 34 frames.*take the originals"):
        SUITES["vid4"].clips(tmp_path)
    lay_out(tmp_path, "vimeo-triplets")
    (tmp_path / "sequences/00001/0268/im2.png").unlink()
    with pytest.raises(InputError, match=r"2 of 3782 clips, 00001/0268 has 2 of 3 frames"):
        SUITES["vimeo-triplets"].clips(tmp_path)


def test_pictures_named_one_by_one_are_read_in_their_order(tmp_path):
    frames = moving_texture(3, 12, 16)
    paths = tuple(tmp_path / name for name in ("c.png", "a.png", "b.png"))
    for path, frame in zip(paths, frames, strict=True):
        write_picture(path, frame)
    assert torch.equal(torch.stack(list(read_clip(paths))), frames)
    paths[1].write_text("no picture")
    with pytest.raises(InputError, match=r"a\.png cannot be read"):
        list(read_clip(paths))


def test_a_clip_too_short_to_have_a_frame_between_is_named(tmp_path):
    write_pictures(tmp_path / "short", moving_texture(2, 16, 16))
    with pytest.raises(InputError, match=r"short has 2 frames.* takes 3"):
        list(read_clip(tmp_path / "short", least=3))


def test_keys_and_scored_frames_follow_from_suite_and_task():
    film, triplet = SUITES["gopro"], SUITES["ucf101"]
    assert film.sampling(make_task(times=8)) == Sampling(8, "all")
    assert film.sampling(make_task("space")) == Sampling(1, "all")
    assert film.sampling(make_task("time", times=4)) == Sampling(4, "between")
    assert triplet.sampling(make_task()) == Sampling(2, "between")
    assert triplet.sampling(make_task("space")) == Sampling(2, "first")
    with pytest.raises(SettingsError, match=r"1 frame lies between.*not x4"):
        triplet.sampling(make_task(times=4))


def test_an_unknown_suite_is_named():
    with pytest.raises(SettingsError, match=r"'vid5'.*vid4, vimeo-fast"):
        suite_called("vid5")


@pytest.mark.skipif(not MIDDLEBURY.exists(), reason="the Middlebury pictures are not here")
def test_middlebury_is_complete():
    clips = SUITES["middlebury"].clips(MIDDLEBURY)
    assert len(clips) == 12
    assert [path.stem for path in clips["Venus"]] == ["frame10", "frame10i11", "frame11"]
