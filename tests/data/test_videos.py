"""Videos decoded on the fly. Referee: the same file decoded from its beginning."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from made_clips import make_film
from stvsr.data.source import Cadence, Size
from stvsr.data.videos import VideoClip, index_video, open_videos
from stvsr.errors import TrainingError

TRIPLE = Cadence(keys=2, factor=2, probability=1.0)


def from_its_beginning(path: Path) -> torch.Tensor:
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


@pytest.mark.parametrize(
    ("file", "codec", "options"),
    [
        ("b-frames.mp4", "libx264", {"preset": "medium", "crf": "20", "g": "8", "bf": "3"}),
        ("b-frames.mkv", "libx264", {"preset": "medium", "crf": "20", "g": "8", "bf": "3"}),
        ("open-gop.mp4", "libx264", {"preset": "medium", "crf": "20", "x264-params": "open-gop=1:keyint=8:bframes=3"}),
        ("short-gop.mp4", "libx264", {"preset": "medium", "crf": "20", "g": "2", "bf": "1"}),
        ("stream.mpg", "mpeg2video", {"g": "6", "bf": "2", "threads": "2"}),
        ("late-by-one-after-seeking.mpg", "mpeg2video", {"g": "6", "bf": "2", "threads": "1"}),
        ("intra.mkv", "ffv1", {}),
        ("hevc.mp4", "libx265", {"x265-params": "keyint=8:bframes=3:log-level=0"}),
    ],
)
def test_any_frames_are_found_exactly(tmp_path: Path, file: str, codec: str, options: dict[str, str]):
    path = make_film(tmp_path / file, codec=codec, options=options, count=30, rate=Fraction(25))
    expected = from_its_beginning(path)
    source = open_videos(tmp_path)
    assert source is not None
    (clip,) = source.clips
    assert len(clip) == len(expected) == 30
    for numbers in [range(0, 3), range(6, 13), range(7, 28, 3), range(27, 30), *([number] for number in range(30))]:
        assert torch.equal(clip.read(numbers), expected[list(numbers)]), numbers


def test_an_index_that_promises_too_much_is_an_error_and_one_without_key_frames_is_slow(tmp_path: Path):
    path = make_film(tmp_path / "a.mp4", codec="libx264", options={"preset": "medium", "g": "8"}, count=30)
    index = index_video(path)
    clip = VideoClip("a", replace(index, keys=()), range(30))
    assert torch.equal(clip.read([20, 21]), from_its_beginning(path)[20:22])
    doubled = tuple(sorted([*index.times, index.times[20] + 1]))
    with pytest.raises(TrainingError, match="1 of 3 frames that it promises"):
        VideoClip("a", replace(index, times=doubled), range(31)).read([20, 21, 22])


def test_a_gap_in_time_ends_a_clip_and_milliseconds_do_not(tmp_path: Path):
    rate = Fraction(30000, 1001)
    times = [index / rate for index in range(10)] + [1 + index / rate for index in range(9)]
    path = make_film(tmp_path / "a.mkv", times=times, rate=rate)  # Matroska rounds times to milliseconds
    source = open_videos(tmp_path)
    assert source is not None
    assert [(clip.name, len(clip)) for clip in source.clips] == [("a.mkv:0", 10), ("a.mkv:10", 8)]
    assert torch.equal(source.clips[1].read([0, 7]), from_its_beginning(path)[[10, 17]])


def test_a_grey_video_is_said_and_its_colours_are_equal(tmp_path: Path):
    make_film(tmp_path / "old.mkv", codec="ffv1", pixel_format="gray")
    said: list[str] = []
    source = open_videos(tmp_path, said.append)
    assert source is not None
    assert said == [f"{tmp_path / 'old.mkv'} is grey: its three colours are equal"]
    red, green, blue = source.clips[0].read([3])[0]
    assert torch.equal(red, green)
    assert torch.equal(red, blue)


def test_what_is_no_video_is_said_and_left_out(tmp_path: Path):
    make_film(tmp_path / "good.mkv", codec="ffv1")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "text.mp4").write_text("no video")
    (tmp_path / "empty.mov").touch()
    said: list[str] = []
    source = open_videos(tmp_path, said.append)
    assert source is not None
    assert [clip.name for clip in source.clips] == ["good.mkv"]
    assert [remark.split()[0] for remark in said] == [str(tmp_path / "deep/text.mp4"), str(tmp_path / "empty.mov")]
    assert all(remark.endswith("It is left out.") for remark in said)
    (tmp_path / "good.mkv").unlink()
    with pytest.raises(TrainingError, match="None of the 2 videos"):
        open_videos(tmp_path, str)


def drawn_from_damaged(path: Path, whole: torch.Tensor) -> list[str]:
    """Draw often, see that all is as it was before the damage, and return what was said."""
    said: list[str] = []
    source = open_videos(path, said.append)
    assert source is not None
    source.choosy, source.strides = False, (1,)
    source.prepare([TRIPLE], Size(64, 96))
    for seed in range(30):
        frames = source.cut(TRIPLE, Size(64, 96), 0, np.random.default_rng(seed)).frames
        assert any(torch.equal(frames, whole[first : first + 3]) for first in range(len(whole) - 2)), seed
    return said


@pytest.mark.parametrize("place", [0.3, 0.45, 0.6])
def test_a_damaged_stretch_and_what_is_predicted_from_it_are_never_drawn(tmp_path: Path, place: float):
    path = make_film(tmp_path / "a.mkv", count=40, options={"g": "8"}, size=(96, 64))
    whole = from_its_beginning(path)
    data = bytearray(path.read_bytes())
    middle = int(len(data) * place)
    data[middle : middle + 40] = bytes(40)
    path.write_bytes(data)
    assert "a.mkv" in drawn_from_damaged(path, whole)[0]


def test_of_a_video_that_was_cut_short_the_rest_is_drawn(tmp_path: Path):
    path = make_film(tmp_path / "a.mkv", count=40, options={"g": "8"}, size=(96, 64))
    whole = from_its_beginning(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    drawn_from_damaged(path, whole)


def test_a_video_that_lacks_frames_its_index_promises_is_said(tmp_path: Path):
    path = make_film(tmp_path / "a.mp4", count=40, options={"g": "8"}, size=(96, 64))
    front = {"movflags": "faststart"}  # the index in front, as for streaming
    with av.open(str(path), "r") as container, av.open(str(tmp_path / "fast.mp4"), "w", options=front) as output:
        stream = output.add_stream_from_template(container.streams.video[0])
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    whole = from_its_beginning(path)
    path.unlink()
    path = tmp_path / "fast.mp4"
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    drawn_from_damaged(path, whole)
