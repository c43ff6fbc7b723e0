import io
import sys
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from PIL import Image

import made_clips
from made_clips import make_film, picture
from stvsr.errors import InputError
from stvsr.video import VideoReader, probe, read_frames


@pytest.mark.parametrize(
    ("clip", "rate"),
    [("plain", 24), ("ntsc_film", made_clips.NTSC_FILM), ("ntsc_film_mkv", made_clips.NTSC_FILM), ("pictures", 24)],
)
def test_times_of_a_constant_rate_are_exact_multiples_of_the_frame_period(made, clip, rate):
    frames = list(read_frames(made(clip)))
    assert [frame.time for frame in frames] == [index / Fraction(rate) for index in range(len(frames))]
    assert {frame.duration for frame in frames} == {1 / Fraction(rate)}


def test_a_variable_rate_keeps_every_time_and_the_last_duration(tmp_path):
    times = [Fraction(n, 30) for n in (0, 1, 2, 5, 6, 8, 9, 14, 21)]
    frames = list(read_frames(make_film(tmp_path / "film.mp4", times=times, rate=Fraction(30))))
    assert [frame.time for frame in frames] == times[:-1]
    assert [frame.duration for frame in frames] == [b - a for a, b in pairwise(times)]


def test_a_film_that_starts_late_does_so_in_its_frames(made):
    assert next(iter(read_frames(made("late_start")))).time == Fraction(1, 2)


def test_the_decoder_is_drained_of_its_last_frames(tmp_path):
    path = make_film(tmp_path / "deep.mkv", count=50, options={"preset": "slow", "bf": "8", "crf": "10"})
    assert len(list(read_frames(path))) == 50


@pytest.mark.parametrize("clip", ["yuv444", "rgb", "pictures"])
def test_the_picture_is_the_one_that_was_drawn(made, clip):
    first = next(iter(read_frames(made(clip)))).image.permute(1, 2, 0).numpy() * 255
    assert np.abs(first - picture(0)).max() <= 2


def test_pictures_of_a_folder_come_in_natural_order(made):
    frames = list(read_frames(made("pictures")))
    for index, frame in enumerate(frames):  # frame10.png is not between frame1.png and frame2.png
        assert np.abs(frame.image.permute(1, 2, 0).numpy() * 255 - picture(index)).max() < 1


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tiff", "bmp"])
def test_pictures_of_other_formats_are_read(tmp_path, suffix):
    drawn = picture(0, 320, 240)
    Image.fromarray(drawn).save(tmp_path / f"one.{suffix}", quality=95)
    (frame,) = read_frames(tmp_path)
    assert np.abs(frame.image.permute(1, 2, 0).numpy() * 255 - drawn).mean() < 2


def test_pictures_of_mixed_sizes_are_refused_by_name(made):
    folder = made("pictures")
    av.VideoFrame.from_ndarray(picture(0, 32, 32)).save(str(folder / "frame7b.png"))
    with pytest.raises(InputError, match=r"frame7b\.png is 32x32"):
        list(read_frames(folder))


def test_a_picture_that_is_none_is_refused_by_name(made):
    folder = made("pictures")
    (folder / "frame3.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"frame3\.png cannot be read"):
        list(read_frames(folder))


def test_y4m_is_read_from_standard_input(monkeypatch):
    planes = np.arange(64 * 48 * 3 // 2, dtype=np.uint8).tobytes()
    data = b"YUV4MPEG2 W64 H48 F30000:1001 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\n" + (b"FRAME\n" + planes) * 5
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    with VideoReader("-") as reader:
        assert (reader.info.width, reader.info.height, reader.info.average_rate) == (64, 48, Fraction(30000, 1001))
        assert [frame.time for frame in reader.frames()] == [index * Fraction(1001, 30000) for index in range(5)]


def test_anything_else_on_standard_input_is_refused(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"hello")))
    with pytest.raises(InputError, match="not y4m"):
        VideoReader("-")


def test_what_a_broken_film_lost_is_counted(tmp_path):
    with VideoReader(made_clips._broken_middle(tmp_path)) as reader:
        count = len(list(reader.frames()))
    assert 0 < count < 24
    assert reader.report.frames == count
    assert reader.report.undecodable > 0
    assert any("could not be decoded" in remark for remark in reader.report.remarks)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_film_that_is_cut_short_gives_what_it_has_and_says_what_is_missing(tmp_path, copied, suffix):
    whole, cut = tmp_path / f"whole.{suffix}", tmp_path / f"cut.{suffix}"
    copied(make_film(tmp_path / "film.mp4", count=48), whole)  # with its index at the front, as downloads have it
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 7 // 10])
    with VideoReader(cut) as reader:
        count = len(list(reader.frames()))
    assert 0 < count < 48
    assert reader.report.undecodable == 48 - count or suffix == "mkv"
    # pictures are not stored in the order they are shown, so a few may be missing before the last one that is there
    assert reader.report.short_by == pytest.approx(Fraction(48 - count, 24), abs=0.2)
    assert any("before the film says it does" in remark for remark in reader.report.remarks)


@pytest.mark.parametrize("clip", sorted(set(made_clips.MADE_CLIPS)))
def test_of_a_sound_film_nothing_is_said_to_be_lost(made, clip):
    with VideoReader(made(clip)) as reader:
        count = len(list(reader.frames()))
    assert reader.report.remarks == ()
    assert count == reader.info.frame_count


def test_frames_missing_from_a_steady_rate_are_counted(tmp_path):
    times = [Fraction(index, 24) for index in (*range(270), *range(275, 290))]
    with VideoReader(make_film(tmp_path / "gap.mkv", times=times, size=(16, 16))) as reader:
        list(reader.frames())
    assert reader.report.missing == 5


def test_frames_without_a_usable_time_follow_their_predecessor(tmp_path):
    path = tmp_path / "raw.h264"  # a bare stream of pictures, without any time stamps
    with av.open(str(path), "w", format="h264") as output:
        stream = output.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(6):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture(index))))
        output.mux(stream.encode(None))
    with VideoReader(path) as reader:
        times = [frame.time for frame in reader.frames()]
    gaps = {after - before for before, after in pairwise(times)}
    assert gaps == {1 / probe(path).average_rate}
    assert len(times) == 6


def test_a_film_that_changes_its_size_is_refused_at_that_place(tmp_path):
    parts = [make_film(tmp_path / f"{side}.ts", size=(side, side), count=5) for side in (64, 32)]
    path = tmp_path / "both.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    with pytest.raises(InputError, match="changes its size from 64x64 to 32x32"):
        list(read_frames(path))
