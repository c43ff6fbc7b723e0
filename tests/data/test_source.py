"""What is drawn from clips, and what is left out and said."""

from collections import Counter

import numpy as np
import pytest
import torch

from stvsr.data.degrade import from_bytes, shrink
from stvsr.data.source import Cadence, Clip, ClipSource, Origin, Size, Source, hold_out, surrounded
from stvsr.errors import TrainingError

SEVEN = Cadence(keys=4, factor=2, probability=1.0)


def numbered(count: int, height: int = 32, width: int = 40, first: int = 0) -> torch.Tensor:
    """Frame i is of the value first + i all over."""
    return (first + torch.arange(count))[:, None, None, None].expand(-1, 3, height, width).to(torch.uint8)


def cuts(source: Source, cadence: Cadence, count: int, size: int = 16, margin: int = 0) -> list[torch.Tensor]:
    source.prepare([cadence], Size(size, size))
    return [source.cut(cadence, Size(size, size), margin, np.random.default_rng(seed)).frames for seed in range(count)]


def test_frames_follow_each_other_at_the_stride_and_every_window_is_drawn(held):
    source = ClipSource(name="x", clips=[held("a", numbered(9)), held("b", numbered(20, first=100))], strides=(1, 3))
    seen = Counter(tuple(frames[:, 0, 0, 0].tolist()) for frames in cuts(source, SEVEN, 400))
    expected = {tuple(range(start, start + 7)) for start in [0, 1, 2, *range(100, 114)]}
    expected |= {tuple(range(start, start + 19, 3)) for start in (100, 101)}
    assert set(seen) == expected
    assert max(seen.values()) < 5 * min(seen.values())


@pytest.mark.parametrize("corner", [(0, 0), (8, 12), (16, 24), (0, 12)])
def test_with_its_margin_a_crop_is_made_small_as_the_whole_picture_is(glide, corner: tuple[int, int]):
    frames = glide(1, 48, 64)
    crop = surrounded(frames, *corner, Size(32, 40), 16)
    ours = shrink(from_bytes(crop), 4)[..., 4:-4, 4:-4]
    top, left = (side // 4 for side in corner)
    assert torch.equal(ours, shrink(from_bytes(frames), 4)[..., top : top + 8, left : left + 10])


def test_the_margin_of_a_cut_is_what_lies_around_it(held, glide):
    whole = glide(7, 32, 40)
    (frames,) = cuts(ClipSource(name="x", clips=[held("a", whole)]), SEVEN, 1, margin=8)
    assert frames.shape == (7, 3, 32, 32)
    inner = frames[..., 8:-8, 8:-8]
    assert any(
        torch.equal(inner, whole[..., top : top + 16, left : left + 16]) for top in range(17) for left in range(25)
    )


def test_short_small_and_broken_clips_are_left_out_and_said_once(held):
    clips = [
        held("short", numbered(3)),
        held("small", numbered(7, height=8, first=50)),
        held("broken", numbered(7), broken="broken.png is torn."),
        held("good", numbered(7, first=100)),
    ]
    said: list[str] = []
    source = ClipSource(name="x", clips=clips, report=said.append)
    assert {int(frames[0, 0, 0, 0]) for frames in cuts(source, SEVEN, 20)} == {100}
    assert sorted(said) == [
        "broken.png is torn. It is left out.",
        "small is 40x8, smaller than crops of 16x16: left out.",
        "x: 1 of 4 clips are shorter than 7 frames and left out",
    ]


@pytest.mark.parametrize(
    ("clips", "words"),
    [
        ([], "holds no clip"),
        ([("a", 3, "")], "span 7 frames, but the longest of 1 clips has 3"),
        ([("a", 9, "a.png is torn.")], "50 draws in a row .* a.png is torn"),
    ],
)
def test_a_source_with_nothing_to_give_stops(held, clips: list[tuple[str, int, str]], words: str):
    held_clips = [held(name, numbered(count), broken) for name, count, broken in clips]
    with pytest.raises(TrainingError, match=words):
        cuts(ClipSource(name="x", clips=held_clips, report=str), SEVEN, 1)


def test_a_choosy_source_never_gives_a_cut_or_a_frame_shown_twice(held, glide):
    film = torch.cat([glide(10, 64, 96, speed=1, seed=1), 255 - glide(10, 64, 96, speed=1, seed=2)])
    film[15] = film[14]
    marked = film.clone()
    marked[:, 0, 0, 0] = torch.arange(20)
    source = ClipSource(name="x", clips=[held("a", marked)], choosy=True)
    source.prepare([SEVEN], Size(64, 96))
    firsts = {
        int(source.cut(SEVEN, Size(64, 96), 0, np.random.default_rng(seed)).frames[0, 0, 0, 0]) for seed in range(30)
    }
    assert firsts == {0, 1, 2, 3}  # 4 ... 9 hold the cut, the rest the frame that stands still


def test_a_choosy_source_goes_where_something_moves(held, glide):
    film = glide(1, 64, 192).repeat(7, 1, 1, 1)
    film[..., 128:] = glide(7, 64, 64, speed=8, seed=3)
    film[:, 0, :, :] = torch.arange(192)  # says where a crop was cut
    source = ClipSource(name="x", clips=[held("a", film)], choosy=True)
    lefts = [int(frames[0, 0, 0, 0]) for frames in cuts(source, SEVEN, 40, size=32)]
    assert np.mean([left >= 96 for left in lefts]) > 0.6  # evenly drawn it would be 0.4


def test_a_film_at_rest_teaches_nothing_about_motion_but_is_not_refused(held, glide):
    still = ClipSource(name="x", clips=[held("a", glide(1, 64, 64).repeat(9, 1, 1, 1))], choosy=True)
    assert len(cuts(still, SEVEN, 3, size=32)) == 3


def test_clips_held_out_are_never_drawn(held):
    clips = [held("one/a", numbered(7)), held("one/b", numbered(7, first=50)), held("two", numbered(7, first=100))]
    kept, out = hold_out(ClipSource(name="x", clips=clips), ("one/b", "two"))
    assert [clip.name for clip in out] == ["one/b", "two"]
    assert {int(frames[0, 0, 0, 0]) for frames in cuts(kept, SEVEN, 10)} == {0}
    with pytest.raises(TrainingError, match="holds no clip"):
        hold_out(kept, ("one",))


def test_where_no_name_fits_whole_films_are_held_out(held):
    def clip(name: str, film: str) -> Clip:
        return held(name, numbered(7), origin=Origin("somebody", "CC0", film=film))

    clips = [clip(f"{film}:{part}", film) for film in "abcdefghijklmnopqrstuvwxyz" for part in range(3)]
    kept, out = hold_out(ClipSource(name="x", clips=clips), ())
    films = {held_clip.origin.film for held_clip in out}
    assert films == {"k"}
    assert len(out) == 3
    assert not films & {clip.origin.film for clip in kept.clips}
    many, held_of_many = hold_out(ClipSource(name="x", clips=[clip(f"{n:04d}", "") for n in range(1000)]), ())
    assert (len(held_of_many), len(many.clips)) == (8, 992)
    single = ClipSource(name="x", clips=clips[:3])
    assert hold_out(single, ("other",)) == (single, [])
