"""A film rendered in segments is the film rendered whole; segments follow from the source alone."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from made_clips import MADE_CLIPS, make_film, with_cuts
from stvsr.clip import Frame, Times
from stvsr.inference import Engine, RenderReport, RenderSettings, Target, render, render_part
from stvsr.inference.windows import window_layout
from stvsr.jobs.segments import Segment, outcome, segments
from stvsr.jobs.survey import Survey, load, save, survey
from stvsr.networks.base import Network, Spec
from stvsr.video import mark_shots, read_frames


class Neighbours(Network):
    """Every picture is blended with all that are in sight: two windows that differ give pictures that differ."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = Spec(scale=1, step=None)

    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c h w"]:
        everything = clip.mean(1)
        return torch.stack([(clip[:, int(time)] + everything * (1 + float(time % 1))) / 3 for time in times], 1)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two short shots and a long one."""
    pictures = [*with_cuts(12, 6, 32, 24), *with_cuts(58, 58, 32, 24)]
    return make_film(tmp_path_factory.mktemp("film") / "film.mkv", count=70, size=(32, 24), pictures=pictures)


@pytest.fixture(scope="module")
def seen(film: Path) -> Survey:
    return survey(film)


def cut(seen: Survey, target: Target, longest: int, step: Fraction | None = None) -> tuple[Segment, ...]:
    layout = window_layout(Neighbours().spec)
    return segments(seen, outcome(seen, target).counts, target, layout, step, longest)


TARGETS = [
    Target(factor=2),
    Target(fps=Fraction(60)),
    Target(fps=Fraction(7)),
    Target(fps=Fraction(25), slow_motion=2),
]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("longest", [1, 12, 30])
def test_segments_give_the_whole_film_bit_for_bit(film: Path, seen: Survey, target: Target, longest: int):
    frames = list(mark_shots(read_frames(film)))
    engine = Engine(Neighbours(), RenderSettings(), RenderReport())
    whole, parts = list(render(frames, Neighbours(), target)), []
    for segment in cut(seen, target, longest):
        within: Sequence[Frame] = frames[segment.read_first : segment.read_stop]
        own = (segment.begin, segment.end)
        rendered = list(render_part(engine, within, target, start=frames[0].time, own=own))
        assert len(rendered) == segment.frames_out
        parts += rendered
    assert [(frame.time, frame.duration) for frame in parts] == [(frame.time, frame.duration) for frame in whole]
    assert all(torch.equal(part.image, frame.image) for part, frame in zip(parts, whole, strict=True))
    assert outcome(seen, target).times.tolist() == [float(frame.time) for frame in whole]


@pytest.mark.parametrize(
    ("target", "step"),
    [(Target(factor=4), Fraction(1, 2)), (Target(factor=2, drop_duplicates=True), None), (Target(), None)],
)
def test_segments_cover_the_film_without_gap_or_overlap(seen: Survey, target: Target, step: Fraction | None):
    made = cut(seen, target, 12, step)
    assert made[0].first == 0
    assert made[-1].stop == seen.frames == 70
    assert all(before.stop == after.first and before.end == after.begin for before, after in pairwise(made))
    assert sum(segment.frames_out for segment in made) == len(outcome(seen, target).times)
    assert all(segment.read_first <= segment.first < segment.stop <= segment.read_stop for segment in made)
    assert max(segment.stop - segment.first for segment in made) <= 14
    for segment in made:  # context never reaches across a cut
        if segment.first in seen.first_frames:
            assert segment.read_first == segment.first


def test_a_survey_is_the_same_when_read_again(seen: Survey, tmp_path: Path):
    save(seen, tmp_path / "survey.npz")
    again = load(tmp_path / "survey.npz")
    same = ("unit", "ticks", "shots", "index", "repeats", "report")
    assert all(getattr(again, name) == getattr(seen, name) for name in same)
    assert max(abs(a - b) for a, b in zip(again.means, seen.means, strict=True)) < 1e-6
    assert list(seen.shots) == [0, 6, 12]


def test_repeated_frames_are_counted(tmp_path: Path):
    pictures = [picture for picture in with_cuts(12, 12, 64, 48) for _ in range(2)]
    twice = make_film(tmp_path / "twice.mkv", codec="ffv1", count=24, pictures=pictures)
    assert survey(twice).repeats == 12
    assert survey(MADE_CLIPS["plain"](tmp_path)).repeats == 0


def test_times_are_exact_whatever_the_clock(tmp_path: Path):
    seen = survey(MADE_CLIPS["variable_rate"](tmp_path))
    frames = list(read_frames(tmp_path / "variable.mp4"))
    assert [seen.time(number) for number in range(seen.frames)] == [frame.time for frame in frames]
    assert seen.time(seen.frames) == frames[-1].time + frames[-1].duration
