from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from made_clips import make_film, picture
from stvsr.jobs.hardest import hardest_moment


def moving_between(begin: int, end: int, count: int) -> list[np.ndarray]:
    """Pictures of which those from ``begin`` to ``end`` move, and the others stand still."""
    return [picture(min(max(index, begin), end)) for index in range(count)]


@pytest.mark.parametrize("begin", [0, 24, 60])
def test_the_hardest_two_seconds_are_those_that_move(tmp_path: Path, begin: int):
    film = make_film(tmp_path / "film.mp4", count=96, rate=Fraction(12), pictures=moving_between(begin, begin + 24, 96))
    moment = hardest_moment(film)
    assert moment.end - moment.begin == 2
    assert abs(moment.begin - Fraction(begin, 12)) <= Fraction(1, 6)


def test_a_cut_is_no_motion(tmp_path: Path):
    still = [picture(0)] * 30 + [picture(0, scene=1)] * 30
    moving = [picture(index, scene=1) for index in range(24)]
    film = make_film(tmp_path / "film.mp4", count=84, rate=Fraction(12), pictures=[*still, *moving])
    assert hardest_moment(film).begin >= Fraction(58, 12)


def test_a_short_film_is_shown_whole(tmp_path: Path):
    film = make_film(tmp_path / "film.mp4", count=12, rate=Fraction(12))
    moment = hardest_moment(film)
    assert (moment.begin, moment.end) == (0, 1)
