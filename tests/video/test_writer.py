import io
import os
import resource
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import torch
from scipy.ndimage import minimum_filter

from made_clips import MADE_CLIPS, make_film, picture
from stvsr.clip import Frame
from stvsr.errors import OutputError
from stvsr.video import VideoReader, VideoWriter, WriteSettings, pixels, probe, read_frames


def stored_planes(path) -> list[list[np.ndarray]]:
    """Every frame's planes as the file holds them, read by FFmpeg alone."""
    found = []
    with av.open(f"file:{path}") as container:
        for frame in container.decode(video=0):
            kind = np.uint8 if pixels.bit_depth(frame.format.name) == 8 else np.uint16
            found.append([np.frombuffer(p, kind).reshape(p.height, -1)[:, : p.width].astype(int) for p in frame.planes])
    return found


def inside_the_cube(image: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """Which samples of a plane have no neighbour whose RGB was clamped (at hard edges chroma may leave the cube)."""
    inside = minimum_filter((image.amin(0) > 0).numpy() & (image.amax(0) < 1).numpy(), 9)
    across, down = round(inside.shape[1] / size[1]), round(inside.shape[0] / size[0])
    return inside[::down, ::across]


def frames(count: int = 6, size: tuple[int, int] = (48, 64), rate: Fraction = Fraction(24)) -> list[Frame]:
    rng = torch.Generator().manual_seed(0)
    return [
        Frame(image=torch.rand(3, *size, generator=rng), time=index / rate, duration=1 / rate) for index in range(count)
    ]


def write(target, source, some_frames, *, time_base=None, rate=None, **settings) -> list[str]:
    with VideoWriter(target, WriteSettings(**settings), source, time_base=time_base, rate=rate) as writer:
        for frame in some_frames:
            writer.write(frame)
    return writer.dropped


LOSSLESS = [name for name in MADE_CLIPS if name not in ("pictures", "rgb")]


@pytest.mark.parametrize("clip", LOSSLESS)
def test_a_film_that_is_not_enlarged_keeps_its_colours_and_every_fact(made, copied, tmp_path, clip):
    source, target = made(clip), tmp_path / "copy.mkv"
    copied(source, target, codec="ffv1")
    old, new = probe(source), probe(target)
    films = zip(stored_planes(source), stored_planes(target), read_frames(source), strict=True)
    for before, after, frame in films:
        for one, other in zip(before, after, strict=True):
            inside = inside_the_cube(frame.image, one.shape)
            assert inside.mean() > 0.3 or clip == "tiny"
            assert np.abs(one - other)[inside].max(initial=0) <= 2 ** (old.bit_depth - 8)
    assert (new.width, new.height) == (old.width, old.height)
    assert (new.rotation, new.bit_depth, new.frame_count) == (old.rotation, old.bit_depth, old.frame_count)
    assert new.colour.guessed == ()
    for fact in ("matrix", "full_range", "primaries", "transfer"):
        assert getattr(new.colour, fact) == getattr(old.colour, fact)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
def test_the_same_pictures_always_make_the_same_film(copied, tmp_path, codec):
    """With AVX-512, x264 makes another one every few times: so many that it shows."""
    pictures = [picture(index, 192, 128) for index in range(10)]
    source = make_film(tmp_path / "source.mkv", count=10, size=(192, 128), pictures=pictures)
    made = set()
    for number in range(24 if codec == "h264" else 3):
        copied(source, target := tmp_path / f"{number}.mp4", codec=codec, copy_streams=False)
        with av.open(str(target)) as film:
            made.add(b"".join(bytes(packet) for packet in film.demux()))
    assert len(made) == 1


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("clip", ["variable_rate", "ntsc_film", "rate_59_94", "late_start", "one_frame"])
def test_times_and_durations_are_written_exactly(made, copied, tmp_path, clip, suffix):
    source, target = made(clip), tmp_path / f"copy.{suffix}"
    dropped = copied(source, target)
    before, after = list(read_frames(source)), list(read_frames(target))
    if suffix == "mkv" and clip == "variable_rate":  # Matroska counts milliseconds, and says so
        assert any("milliseconds" in sentence for sentence in dropped)
        assert all(abs(a.time - b.time) <= Fraction(1, 2000) for a, b in zip(before, after, strict=True))
        return
    assert [frame.time for frame in after] == [frame.time for frame in before]
    assert [frame.duration for frame in after] == [frame.duration for frame in before]


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_a_start_between_two_milliseconds_is_kept(copied, tmp_path, suffix):
    source = make_film(tmp_path / "film.mp4", start=Fraction(1, 3))
    copied(source, tmp_path / f"copy.{suffix}")
    assert probe(source).start_time.denominator > 1000
    assert probe(tmp_path / f"copy.{suffix}").start_time == probe(source).start_time


def test_instants_between_frames_are_exact_where_the_time_base_says_so(made, tmp_path):
    source = probe(made("ntsc_film"))
    rate = Fraction(60000, 1001) * 7 / 3
    write(tmp_path / "fast.mp4", source, frames(9, rate=rate), time_base=1 / Fraction(rate.numerator), rate=rate)
    assert [frame.time for frame in read_frames(tmp_path / "fast.mp4")] == [index / rate for index in range(9)]


@pytest.mark.parametrize(
    ("codec", "suffix", "clip", "pixel_format"),
    [
        ("h264", "mp4", "plain", "yuv420p"),
        ("h264", "mp4", "ten_bit", "yuv420p10le"),
        ("h264", "mkv", "yuv422", "yuv422p"),
        ("h264", "mp4", "rgb", "yuv420p"),
        ("hevc", "mp4", "ten_bit", "yuv420p10le"),
        ("hevc", "mov", "grey", "yuv420p"),
        ("av1", "webm", "ten_bit", "yuv420p10le"),
        ("av1", "mp4", "yuv444", "yuv420p"),
        ("prores", "mov", "plain", "yuv422p10le"),
        ("prores", "mkv", "yuv444", "yuv444p12le"),
        ("ffv1", "mkv", "grey", "gray"),
        ("ffv1", "mkv", "rgb", "bgr0"),
        (None, "mp4", "plain", "yuv420p"),
        (None, "webm", "plain", "yuv420p"),
    ],
)
def test_every_codec_keeps_the_depth_it_can_and_the_colour_tags(
    made, copied, tmp_path, codec, suffix, clip, pixel_format
):
    source, target = made(clip), tmp_path / f"copy.{suffix}"
    dropped = copied(source, target, codec=codec, preset={"av1": "12"}.get(codec or "av1" * (suffix == "webm")))
    old, new = probe(source), probe(target)
    assert (new.codec, new.pixel_format) == (codec or {"mp4": "h264", "webm": "av1"}[suffix], pixel_format)
    assert new.colour.guessed in ((), ("range",), ("matrix",))
    assert (new.colour.primaries, new.colour.transfer) == (old.colour.primaries, old.colour.transfer)
    changed = pixels.plain_format(pixel_format) != pixels.plain_format(old.pixel_format)
    assert any("pixel format" in sentence for sentence in dropped) == changed


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("clip", ["plain", "bt601", "full_range", "pq"])
def test_colour_tags_are_in_the_container_and_in_the_stream(made, copied, tmp_path, clip, suffix):
    source, target = made(clip), tmp_path / f"copy.{suffix}"
    copied(source, target)
    with av.open(str(target)) as container:
        context = container.streams.video[0].codec_context
        headers = (context.colorspace, context.color_primaries, context.color_trc, context.color_range)
        frame = next(container.decode(video=0))
    colour = probe(source).colour
    expected = (colour.matrix, colour.primaries, colour.transfer, 2 if colour.full_range else 1)
    assert headers == expected
    assert (frame.colorspace, frame.color_primaries, frame.color_trc, frame.color_range) == expected


@pytest.mark.parametrize(("codec", "suffix"), [("h264", "mp4"), ("hevc", "mp4"), ("hevc", "mkv"), ("av1", "webm")])
def test_hdr_mastering_data_goes_along(made, copied, tmp_path, codec, suffix):
    source, target = made("pq"), tmp_path / f"copy.{suffix}"
    assert copied(source, target, codec=codec) == []
    old, new = probe(source).hdr, probe(target).hdr
    assert new.content_light == old.content_light
    for one, other in zip(new.primaries, old.primaries, strict=True):
        assert [float(x) for x in one] == pytest.approx([float(x) for x in other], abs=1e-4)


def test_hdr_mastering_data_that_cannot_go_along_is_listed(made, copied, tmp_path):
    assert any("HDR" in sentence for sentence in copied(made("pq"), tmp_path / "copy.mkv", codec="ffv1"))


@pytest.mark.parametrize(
    ("codec", "suffix", "kept"),
    [
        ("h264", "mp4", True),
        ("h264", "mkv", True),
        ("hevc", "mkv", True),
        ("prores", "mov", True),
        ("av1", "mp4", True),
        ("av1", "webm", False),
        ("ffv1", "mkv", False),
    ],
)
def test_the_shape_of_pixels_is_kept_or_listed(made, copied, tmp_path, codec, suffix, kept):
    target = tmp_path / f"copy.{suffix}"
    dropped = copied(made("anamorphic"), target, codec=codec)
    assert (probe(target).sample_aspect_ratio == Fraction(64, 45)) == kept
    assert any("pixel shape 64/45" in sentence for sentence in dropped) == (not kept)


def test_odd_sizes_keep_their_size_or_grow_by_one_and_say_so(made, copied, tmp_path):
    source = made("odd_size")
    assert copied(source, tmp_path / "copy.mkv", codec="ffv1") == []
    dropped = copied(source, tmp_path / "copy.mp4", codec="h264", quality=1)
    assert any("65x49" in sentence for sentence in dropped)
    padded, whole = probe(tmp_path / "copy.mp4"), probe(tmp_path / "copy.mkv")
    assert (padded.width, padded.height, whole.width, whole.height) == (66, 50, 65, 49)
    image = next(iter(read_frames(tmp_path / "copy.mp4"))).image
    assert (image[:, -1] - image[:, -2]).abs().mean() < 0.03


def test_a_turned_film_is_shown_the_same_way_where_the_target_cannot_say_turn(made, copied, tmp_path):
    source = made("rotated")
    copied(source, f"{tmp_path}/pictures/")
    with av.open(str(source)) as container:
        graph = av.filter.Graph()  # the referee is FFmpeg's own transpose
        stream = container.streams.video[0]
        graph.link_nodes(graph.add_buffer(template=stream), graph.add("transpose", "cclock"), graph.add("buffersink"))
        graph.configure()
        graph.push(next(container.decode(video=0)))
        shown = graph.pull().to_ndarray(format="rgb24").astype(int)
    turned = next(iter(read_frames(tmp_path / "pictures"))).image.permute(1, 2, 0).numpy() * 255
    assert turned.shape == (64, 48, 3)
    errors = [np.abs(np.rot90(turned, quarter, (0, 1))[:48, :48] - shown[:48, :48]).mean() for quarter in (0, 2)]
    assert errors[0] < 6 < 20 < errors[1]


def test_pictures_are_written_with_the_depth_of_the_film(made, copied, tmp_path):
    for clip, pixel_format in (("plain", "rgb24"), ("ten_bit", "rgb48be")):
        copied(made(clip), f"{tmp_path}/{clip}/")
        info = probe(tmp_path / clip)
        assert (info.frame_count, info.pixel_format) == (24, pixel_format)
        assert sorted(path.name for path in (tmp_path / clip).iterdir())[0] == "00000001.png"


def test_a_film_goes_through_a_pipe_unchanged(made, copied, monkeypatch):
    for clip in ("plain", "ten_bit", "full_range", "grey"):
        source, pipe = made(clip), io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(pipe))
        copied(source, "-")
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(pipe.getvalue())))
        with VideoReader("-") as reader:
            assert reader.info.average_rate == 24
            assert pixels.plain_format(reader.info.pixel_format) == pixels.plain_format(probe(source).pixel_format)
            count = len(list(reader.frames()))
        assert count == 24


@pytest.mark.parametrize(
    ("target", "settings", "words"),
    [
        ("film.avi", {}, "names no container.*mkv"),
        ("film", {}, "names no container"),
        ("film.mp4", {"codec": "vp9"}, "no codec 'vp9' here. Into .mp4 go: h264"),
        ("film.webm", {"codec": "h264"}, "cannot hold h264.*h264 goes into .mp4"),
        ("film.mp4", {"pixel_format": "rgb24"}, "no pixel format 'rgb24'. It has: yuv420p"),
        ("film.mp4", {"quality": 99}, "takes 0 .best. to 51"),
        ("film.mkv", {"codec": "ffv1", "quality": 3}, "no quality to choose"),
        ("nowhere/film.mp4", {}, "no folder .*nowhere"),
        ("film.mp4", {"preset": "silly"}, "refuses 64x48 .*silly"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_left(made, tmp_path, target, settings, words):
    source = probe(made("plain"))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=words):
        write(tmp_path / target, source, frames(), **settings)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a card")
def test_without_a_card_its_encoder_is_refused_before_anything_is_rendered(made, tmp_path):
    target, source = tmp_path / "film.mp4", probe(made("plain"))
    with pytest.raises(OutputError, match=r"needs a graphics card of NVIDIA's .*--codec hevc\."):
        VideoWriter(target, WriteSettings(codec="hevc-nvenc"), source)
    assert not list(tmp_path.glob("*film*"))


@pytest.mark.parametrize("size", [(8, 8), (64, 48), (8, 64)])
def test_pictures_too_small_for_the_codec_are_refused_with_another_codec_named(made, tmp_path, size):
    with pytest.raises(OutputError, match=r"at least 50x16 pixels.*ffv1"):
        write(tmp_path / "film.mp4", probe(made("tiny")), frames(size=size), codec="hevc")


@pytest.mark.parametrize("suffix", [".mp4", "/"])
def test_nothing_is_overwritten_unless_told(made, copied, tmp_path, suffix):
    source, target = made("plain"), f"{tmp_path}/target{suffix}"
    copied(source, target)
    before = probe(target).frame_count
    with pytest.raises(OutputError, match="left as it is"):
        write(target, probe(source), frames(3))
    assert probe(target).frame_count == before
    write(target, probe(source), frames(3), overwrite=True, copy_streams=False)
    assert probe(target).frame_count == 3


def test_the_film_that_is_read_is_never_the_target(made, tmp_path):
    source = made("plain")
    data = source.read_bytes()
    (tmp_path / "link.mp4").symlink_to(source)
    for target in (source, tmp_path / "link.mp4", tmp_path / "x" / ".." / source.name):
        (tmp_path / "x").mkdir(exist_ok=True)
        with pytest.raises(OutputError, match="being read"):
            VideoWriter(target, WriteSettings(overwrite=True), probe(source))
    assert source.read_bytes() == data
    pictures = made("pictures")
    with pytest.raises(OutputError, match="being read"):
        VideoWriter(pictures, WriteSettings(overwrite=True), probe(pictures))


@pytest.mark.parametrize("target", ["film.mp4", "film.mkv", "pictures/"])
def test_an_interrupted_film_leaves_nothing_behind(made, tmp_path, target):
    source = probe(made("talkie"))
    before = sorted(tmp_path.iterdir())

    def interrupted():
        yield from frames(4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(f"{tmp_path}/{target}", source, interrupted())
    assert sorted(tmp_path.iterdir()) == before


def test_a_film_of_no_frames_is_not_made(made, tmp_path):
    source = probe(made("plain"))
    with pytest.raises(OutputError, match="Not one frame"):
        write(tmp_path / "film.mp4", source, [])
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", "/"])
def test_a_full_disk_is_one_clear_error_and_leaves_nothing(made, tmp_path, suffix):
    source = probe(made("plain"))
    before = sorted(tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))  # the kernel then refuses to let a file grow
    try:
        with pytest.raises(OutputError, match="could not be written: File too large"):
            write(f"{tmp_path}/film{suffix}", source, frames(12, size=(256, 256)), quality=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_without_permission_is_said_to_be_so(made, tmp_path):
    source = probe(made("plain"))
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        VideoWriter(tmp_path / "locked" / "film.mp4", WriteSettings(), source)


def test_frames_closer_than_the_clock_are_refused(made, tmp_path):
    source = probe(made("plain"))
    with pytest.raises(OutputError, match="closer than the file's clock"):
        write(tmp_path / "film.mp4", source, frames(rate=Fraction(10**6)), time_base=Fraction(1, 24000))


def test_a_clock_finer_than_containers_can_say_becomes_nanoseconds(made, tmp_path):
    source = probe(made("plain"))
    write(tmp_path / "film.mp4", source, frames(), time_base=Fraction(1, 10**12))
    assert probe(tmp_path / "film.mp4").frame_count == 6


def test_words_of_ours_are_added_to_the_metadata(made, tmp_path):
    write(tmp_path / "film.mkv", probe(made("talkie")), frames(), metadata={"comment": "made by stvsr"})
    words = {name.lower(): value for name, value in probe(tmp_path / "film.mkv").metadata.items()}
    assert (words["comment"], words["title"]) == ("made by stvsr", "A talkie")


def test_the_target_of_a_name_with_a_colon_and_signs_of_other_scripts_is_written(made, copied, tmp_path):
    copied(made("unicode_name"), tmp_path / "Größe: neu 大.mp4")
    assert probe(tmp_path / "Größe: neu 大.mp4").frame_count == 24
