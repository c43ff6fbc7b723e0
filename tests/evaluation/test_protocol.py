"""The task, the windows, and which frames are scored."""

import pytest

from stvsr.errors import SettingsError
from stvsr.evaluation.protocol import Sampling, Task, make_task, windows


@pytest.mark.parametrize("count", [3, 5, 7, 8, 9, 13, 34, 41, 47, 49])
def test_windows_of_seven_share_key_frames_and_reach_every_frame(count):
    found = [window for _, window in windows(range(count), 2)]
    odd = count - 1 + count % 2
    assert sorted({frame for window in found for frame in window}) == list(range(odd))
    assert all(len(window) == min(7, odd) and window[0] % 2 == 0 for window in found)
    assert [window[0] for window in found[:-1]] == list(range(0, 6 * (len(found) - 1), 6))


@pytest.mark.parametrize(("stride", "size"), [(1, 7), (2, 7), (3, 7), (4, 5), (6, 7), (8, 9)])
@pytest.mark.parametrize("count", [1, 2, 8, 9, 20, 31])
def test_windows_are_whole_begin_and_end_at_keys_and_leave_out_what_follows_the_last_key(stride, size, count):
    found = list(windows(range(count), stride))
    used = (count - 1) // stride * stride + 1
    if used == 1 and stride > 1:
        assert found == []
        return
    assert sorted({frame for _, window in found for frame in window}) == list(range(used))
    for start, window in found:
        assert window == list(range(start, start + min(size, used)))
        assert start % stride == 0


def test_a_stream_is_read_no_further_than_its_windows_need():
    frames = iter(range(100))
    shown = windows(frames, 2)
    assert next(shown)[1] == [0, 1, 2, 3, 4, 5, 6]
    assert next(frames) == 7


def test_which_frames_are_scored():
    assert [Sampling(2, "all").counts(i) for i in range(4)] == [True] * 4
    assert [Sampling(2, "between").counts(i) for i in range(4)] == [False, True, False, True]
    assert [Sampling(4, "between").counts(i) for i in range(5)] == [False, True, True, True, False]
    assert [Sampling(2, "first").counts(i) for i in range(3)] == [True, False, False]


def test_what_goes_without_saying_is_filled_in():
    assert make_task() == Task(mode="space-time", scale=4, times=2)
    assert make_task("space", scale=2) == Task(mode="space", scale=2, times=1)
    assert make_task("time", times=8) == Task(mode="time", scale=1, times=8)
    assert [make_task(mode, scale=4).enlargement for mode in ("space-time", "space", "time")] == [4, 4, 1]


@pytest.mark.parametrize(
    ("mode", "values", "message"),
    [
        ("time", {"scale": 9}, "scale of 9.*1 to 8.*time mode enlarges nothing"),
        ("space", {"times": 2}, "every frame is given.*x2"),
        ("space-time", {"scale": 1}, "scale of 1.*2 to 8"),
        ("space-time", {"times": 1}, "x1 in time.*2 to 16"),
    ],
)
def test_what_cannot_be_asked_together_is_named(mode, values, message):
    with pytest.raises(SettingsError, match=message):
        make_task(mode, **values)
