"""Properties of the windows for every layout and every length of shots."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from stvsr.inference.timeline import Instant, Interval
from stvsr.inference.windows import window_layout, windows
from stvsr.networks import Spec

ANY = Spec(scale=1, step=None)
NOTHING: tuple[Instant, ...] = ()


def intervals_of(shots: list[int]) -> list[Interval]:
    """One numbered key for each interval."""
    starts = {sum(shots[:i]) for i in range(len(shots))}
    return [
        Interval(image=torch.full((1, 1, 1), float(i)), starts_shot=i in starts, instants=NOTHING)
        for i in range(sum(shots))
    ]


@given(
    shots=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    length=st.one_of(st.none(), st.integers(2, 20)),
    context=st.one_of(st.none(), st.integers(0, 4)),
    most=st.one_of(st.none(), st.integers(2, 9)),
)
def test_every_interval_is_owned_once_in_order_with_all_its_context_and_no_other_shot(shots, length, context, most):
    layout = window_layout(replace(ANY, context=context, max_frames=most), length)
    owned = []
    for window in windows(intervals_of(shots), layout):
        keys = [int(key.image.item()) for key in window.keys]
        shot = next(range(end - n, end) for n, end in ends(shots) if keys[0] < end)
        assert keys == list(range(keys[0], keys[0] + len(keys)))
        assert keys[-1] < shot.stop
        assert len(keys) <= layout.length
        for i in window.own:
            owned.append(keys[i])
            assert i >= min(layout.before, keys[i] - shot.start)
            assert len(keys) - 1 - i >= min(layout.after, shot.stop - 1 - keys[i])
    assert owned == list(range(sum(shots)))


def ends(shots: list[int]) -> list[tuple[int, int]]:
    return [(n, sum(shots[: i + 1])) for i, n in enumerate(shots)]


@pytest.mark.parametrize(
    ("spec", "length", "expected"),
    [
        (ANY, None, (14, 2, 2)),
        (replace(ANY, context=1), None, (14, 1, 1)),
        (replace(ANY, context=5), None, (20, 5, 5)),
        (replace(ANY, min_frames=2, max_frames=2), None, (2, 0, 1)),
        (replace(ANY, max_frames=4), 10, (4, 1, 1)),
        (replace(ANY, max_frames=1, step=Fraction(1)), None, (1, 0, 0)),
        (replace(ANY, min_frames=7), 3, (7, 2, 2)),
    ],
)
def test_layouts_follow_what_the_network_sees_and_takes(spec, length, expected):
    layout = window_layout(spec, length)
    assert (layout.length, layout.before, layout.after) == expected


def test_windows_look_no_further_ahead_than_their_length():
    taken = 0

    def endless():
        nonlocal taken
        for interval in intervals_of([500]):
            taken += 1
            yield interval

    given_out = []
    for window in windows(endless(), window_layout(ANY, 8)):
        assert taken - sum(given_out) <= 9
        given_out.append(len(window.own))
    assert set(given_out[1:-1]) == {8 - 2 - 2}  # and no key is looked at more often than the overlaps ask for
