import os
from fractions import Fraction

import av
import pytest

from made_clips import make_film
from stvsr.errors import InputError
from stvsr.video import probe


@pytest.mark.parametrize(
    ("clip", "facts"),
    [
        (
            "plain",
            {"width": 64, "height": 48, "codec": "h264", "bit_depth": 8, "frame_count": 24, "constant_rate": True},
        ),
        ("variable_rate", {"constant_rate": False, "frame_count": 12, "duration": Fraction(19, 30) + Fraction(1, 30)}),
        ("ntsc_film", {"average_rate": Fraction(24000, 1001), "duration": Fraction(1001, 1000)}),
        ("ntsc_film_mkv", {"average_rate": Fraction(24000, 1001), "time_base": Fraction(1, 24000)}),
        ("rate_59_94", {"average_rate": Fraction(60000, 1001), "constant_rate": True}),
        ("ten_bit", {"bit_depth": 10, "pixel_format": "yuv420p10le", "codec": "hevc"}),
        ("anamorphic", {"sample_aspect_ratio": Fraction(64, 45)}),
        ("rotated", {"rotation": 90, "width": 64, "height": 48}),
        ("odd_size", {"width": 65, "height": 49}),
        ("one_frame", {"frame_count": 1}),
        ("late_start", {"start_time": Fraction(1, 2)}),
        ("pictures", {"container": "pictures", "frame_count": 12, "pixel_format": "rgb24"}),
    ],
)
def test_the_facts_of_a_film_are_found(made, clip, facts):
    info = probe(made(clip))
    if clip == "variable_rate":
        facts = facts | {"duration": Fraction(20, 30)}
    assert {name: getattr(info, name) for name in facts} == facts


@pytest.mark.parametrize(
    ("clip", "matrix", "full_range", "transfer"),
    [
        ("plain", 1, False, 1),
        ("bt601", 6, False, 6),
        ("full_range", 1, True, 1),
        ("bt601_full_range", 6, True, 6),
        ("untagged", 6, False, 6),
        ("pq", 9, False, 16),
        ("hlg", 9, False, 18),
        ("rgb", 0, True, 13),
    ],
)
def test_colours_are_what_the_tags_say_or_the_rule_gives(made, clip, matrix, full_range, transfer):
    colour = probe(made(clip)).colour
    assert (colour.matrix, colour.full_range, colour.transfer) == (matrix, full_range, transfer)
    assert bool(colour.guessed) == (clip in ("untagged", "rgb"))


def test_the_display_on_which_hdr_was_graded_is_found(made):
    hdr = probe(made("pq")).hdr
    assert hdr.primaries[0] == (Fraction(17, 25), Fraction(8, 25))
    assert hdr.luminance == (Fraction(1, 200), 1000)
    assert hdr.content_light == (1000, 400)


def test_passengers_and_chapters_are_listed(made):
    info = probe(made("talkie"))
    assert [(s.codec, s.language) for s in info.of_kind("audio")] == [("aac", "eng"), ("flac", "deu")]
    assert [s.codec for s in info.of_kind("subtitle")] == ["subrip"]
    assert [s.codec for s in info.of_kind("attachment")] == ["font.ttf"]
    assert [(c.title, c.start, c.end) for c in info.chapters] == [
        ("First half", 0, Fraction(1, 2)),
        ("Second half", Fraction(1, 2), 1),
    ]
    assert info.metadata["title"] == "A talkie"


@pytest.mark.parametrize(
    ("clip", "words"),
    [
        ("untagged", "taken as matrix smpte170m"),
        ("variable_rate", "frame rate varies"),
        ("anamorphic", "not square (64/45)"),
        ("rotated", "90 degrees"),
        ("pq", "PQ"),
        ("odd_size", "65x49"),
        ("late_start", "0.500 s"),
    ],
)
def test_what_may_be_wrong_is_said_before_the_work(made, clip, words):
    assert any(words in remark for remark in probe(made(clip)).remarks)


def test_a_film_without_trouble_gets_no_remark(made):
    assert probe(made("plain")).remarks == ()


def test_interlaced_films_are_noticed(tmp_path):
    path = make_film(tmp_path / "fields.mkv", options={"x264-params": "tff=1", "preset": "ultrafast"})
    assert any("interlaced" in remark for remark in probe(path).remarks)


def test_a_rate_that_varies_late_is_found_by_looking_through_the_whole_film(tmp_path):
    times = [Fraction(index, 30) for index in range(300)] + [Fraction(300 + 3 * index, 30) for index in range(5)]
    path = make_film(tmp_path / "late.mkv", times=times, rate=Fraction(30), size=(16, 16))
    assert probe(path).constant_rate
    thorough = probe(path, thorough=True)
    assert (thorough.constant_rate, thorough.frame_count) == (False, 304)


@pytest.mark.parametrize(
    ("clip", "words"),
    [("text", "is a text file"), ("audio_only", "no moving picture"), ("truncated", "breaks off before its index")],
)
def test_what_is_no_film_is_refused_with_the_reason(made, clip, words):
    with pytest.raises(InputError, match=words):
        probe(made(clip))


def test_missing_empty_and_pictureless_places_are_told_apart(tmp_path):
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder").mkdir()
    for name, words in (("none.mp4", "There is no file"), ("empty.mp4", "is empty"), ("folder", "holds no pictures")):
        with pytest.raises(InputError, match=words):
            probe(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_without_permission_is_said_to_be_so(made):
    path = made("plain")
    path.chmod(0)
    with pytest.raises(InputError, match="may not be read"):
        probe(path)


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_container_without_a_single_frame_is_refused(tmp_path, suffix):
    path = tmp_path / f"hollow.{suffix}"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    with pytest.raises(InputError, match=r"no moving picture|before its first picture"):
        probe(path)
