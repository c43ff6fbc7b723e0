"""Referees: closed forms, and properties that hold for every film."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stvsr.errors import InputError, SettingsError
from stvsr.inference.timeline import Target, depth, intervals, largest_deviation, without_duplicates

HALF = Fraction(1, 2)
NTSC_FILM = Fraction(24000, 1001)

films = st.lists(
    st.tuples(st.fractions(Fraction(1, 240), 2, max_denominator=1001), st.booleans()), min_size=1, max_size=12
)
targets = st.one_of(
    st.builds(Target, factor=st.integers(1, 8), slow_motion=st.integers(1, 4)),
    st.builds(
        Target, fps=st.sampled_from([Fraction(1), NTSC_FILM, 60, Fraction(60000, 1001)]), slow_motion=st.integers(1, 4)
    ),
)


@given(facts=films, target=targets, start=st.fractions(-2, 2, max_denominator=90000))
def test_every_film_is_covered_without_gap_overlap_or_jump(film, facts, target, start):
    frames = film(
        [0.5] * len(facts),
        durations=[duration for duration, _ in facts],
        cuts=[i for i, (_, cut) in enumerate(facts) if cut],
        start=start,
    )
    ends = [frame.time + frame.duration for frame in frames]
    laid = list(intervals(frames, target))
    instants = [instant for interval in laid for instant in interval.instants]

    assert len(laid) == len(frames)
    assert instants[0].time == start
    for before, after in pairwise(instants):
        assert before.time + before.duration == after.time
    shown = instants[-1].time + instants[-1].duration - start
    lasts = (ends[-1] - start) * target.slow_motion
    if target.fps is None:
        assert len(instants) == len(frames) * target.factor * target.slow_motion
        assert shown == lasts
    else:
        assert {instant.duration for instant in instants} == {1 / Fraction(target.fps)}
        assert 0 <= shown - lasts < 1 / Fraction(target.fps)

    for i, (interval, frame, end) in enumerate(zip(laid, frames, ends, strict=True)):
        held = i + 1 == len(frames) or frames[i + 1].starts_shot
        for instant in interval.instants:
            seen = start + (instant.time - start) / target.slow_motion
            assert frame.time <= seen < end
            assert instant.t == (0 if held else (seen - frame.time) / (end - frame.time))


@given(facts=films, target=targets)
def test_each_shot_that_is_seen_starts_once(film, facts, target):
    frames = film(
        [0.5] * len(facts), durations=[d for d, _ in facts], cuts=[i for i, (_, cut) in enumerate(facts) if cut]
    )
    cut = False
    for interval, frame in zip(intervals(frames, target), frames, strict=True):
        cut = cut or frame.starts_shot  # a shot too short for the rate is not seen, but the cut before it is
        flags = [instant.starts_shot for instant in interval.instants]
        assert flags == [cut, *[False] * (len(flags) - 1)][: len(flags)]
        cut = cut and not flags


def test_ntsc_film_to_sixty_visits_the_closed_form(film):
    laid = intervals(film([0.5] * 24, rate=NTSC_FILM), Target(fps=60))
    places = [(i + instant.t, instant.time) for i, interval in enumerate(laid) for instant in interval.instants]
    # 24 frames last 1.001 s: 60.06 frames at 60 per second, and every one is NTSC_FILM/60 = 400/1001 of a frame apart
    assert len(places) == 61
    assert places[:58] == [(Fraction(400, 1001) * k, Fraction(k, 60)) for k in range(58)]


def test_slow_motion_stretches_variable_times(film):
    frames = film([0.1, 0.2, 0.3], durations=[Fraction(1, 10), Fraction(3, 10), Fraction(1, 5)], start=Fraction(7))
    laid = [instant for interval in intervals(frames, Target(slow_motion=2)) for instant in interval.instants]
    assert [i.time for i in laid] == [7 + Fraction(n, 10) for n in (0, 1, 2, 5, 8, 10)]
    assert [i.duration for i in laid] == [Fraction(n, 10) for n in (1, 1, 3, 3, 2, 2)]
    assert [i.t for i in laid] == [0, HALF, 0, HALF, 0, 0]


def test_copies_are_dropped_and_their_times_rendered_anew(film):
    frames = film([0.0, 0.0, 0.6, 0.6, 0.6, 0.9], rate=10)
    laid = list(intervals(frames, Target(drop_duplicates=True)))
    assert [interval.image[0, 0, 0].item() for interval in laid] == pytest.approx([0.0, 0.6, 0.9])
    assert [[i.t for i in interval.instants] for interval in laid] == [
        [0, HALF],
        [0, Fraction(1, 3), Fraction(2, 3)],
        [0],
    ]
    assert [i.time for interval in laid for i in interval.instants] == [Fraction(n, 10) for n in range(6)]


@pytest.mark.parametrize(
    ("images", "cuts"),
    [([0.5] * 40, ()), ([0.1] * 3 + [0.9] * 3, (3,)), ([0.1, 0.9, 0.9, 0.9], ()), ([0.1] * 30 + [0.9], ())],
    ids=["a still film", "before a cut", "at the end", "a long still"],
)
def test_copies_stay_where_nothing_could_replace_them(film, images, cuts):
    frames = film(images, cuts=cuts)
    assert [(kept.time, dropped) for kept, dropped in without_duplicates(frames)] == [(f.time, ()) for f in frames]


def test_a_small_movement_is_no_copy_and_coding_noise_is(film):
    still = torch.full((3, 64, 64), 0.5)
    noisy = still + torch.randn(3, 64, 64, generator=torch.manual_seed(0)) / 255
    moved = still.clone()
    moved[:, 30:33, 30:33] = 0.9
    assert [len(dropped) for _, dropped in without_duplicates(film([still, noisy, moved, moved * 0.5]))] == [1, 0, 0]


def test_a_still_hour_is_not_gathered_in_memory(film):
    taken = 0

    def endless():
        nonlocal taken
        for frame in film([0.5] * 200):
            taken += 1
            yield frame

    for given_out, _ in enumerate(intervals(endless(), Target(drop_duplicates=True))):
        assert taken - given_out < 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"factor": 0},
        {"factor": 65},
        {"factor": -2},
        {"fps": 0},
        {"fps": Fraction(-24)},
        {"fps": 1001},
        {"slow_motion": 0},
        {"slow_motion": 1000},
        {"factor": 2, "fps": 60},
    ],
    ids=str,
)
def test_absurd_targets_are_refused_with_a_cure(wrong):
    with pytest.raises(SettingsError, match=r"Try|Give one"):
        Target(**wrong)


def test_time_that_stands_still_is_refused(film):
    frames = film([0.1, 0.2, 0.3])
    with pytest.raises(InputError, match="timestamps"):
        list(intervals([frames[0], frames[2], frames[1]], Target()))


@pytest.mark.parametrize(
    ("target", "step", "rate", "deviation"),
    [
        (Target(fps=60), None, NTSC_FILM, 0),
        (Target(factor=8), HALF, None, 0),
        (Target(factor=64), HALF, None, 0),
        (Target(factor=9), Fraction(1, 3), None, 0),
        (Target(factor=3), HALF, None, Fraction(1, 24)),  # 2/3 - 5/8
        (Target(fps=60), HALF, Fraction(30), 0),
        (Target(fps=60), HALF, Fraction(24), Fraction(1, 20)),  # 1/5 - 1/4
        (Target(fps=60), HALF, None, Fraction(1, 16)),
        (Target(factor=2), Fraction(1), None, HALF),
    ],
)
def test_the_plan_says_how_far_a_fixed_step_deviates(target, step, rate, deviation):
    assert largest_deviation(target, step, rate) == deviation


@given(rate=st.fractions(1, 120, max_denominator=40), fps=st.sampled_from([NTSC_FILM, 30, 60]))
def test_no_instant_deviates_further_than_the_plan_says_and_one_does(rate, fps):
    promised = largest_deviation(Target(fps=fps), HALF, rate)
    pace = rate / fps
    beyond = 8 * pace.numerator * np.arange(pace.denominator) % pace.denominator  # the last eighth before each instant
    assert Fraction(int(np.minimum(beyond, pace.denominator - beyond).max()), 8 * pace.denominator) == promised


def test_a_fixed_step_is_repeated_no_more_than_needed():
    assert [depth(Target(factor=n), HALF) for n in (1, 2, 4, 8, 64)] == [1, 1, 2, 3, 6]
