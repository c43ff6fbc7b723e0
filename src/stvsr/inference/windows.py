"""Overlapping windows in time: a shot's key frames, cut so that every interval is rendered once, deep inside.

keys       0 1 2 3 4 5 6 7 8 9 ...        length 6, before 2, after 2
window 1  [0 1 2 3]4 5                    [own intervals], the rest is context
window 2       2 3[4 5]6 7
window 3           4 5[6 7 8 9]           the shot's last window owns all that is left
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stvsr.inference.timeline import Interval
from stvsr.networks.base import Spec

LENGTH = 14
"""Key frames in a window where the network does not mind: longer wastes memory, shorter wastes work on overlaps."""
OVERLAP = 2
"""Keys of context on either side for a network that looks at all frames it is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowLayout:
    """How windows follow each other, in key frames."""

    length: int
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Key frames of one shot, and which of their intervals are this window's to render."""

    keys: tuple[Interval, ...]
    own: range


def window_layout(spec: Spec, length: int | None = None) -> WindowLayout:
    """The layout for a network: overlaps as wide as it sees where that is known, so that cutting changes nothing."""
    overlap = OVERLAP if spec.context is None else spec.context
    longest = length or max(LENGTH, 4 * overlap)
    longest = max(longest, spec.min_frames)
    if spec.max_frames is not None:
        longest = min(longest, spec.max_frames)
    before = min(overlap, (longest - 1) // 2)
    # an instant between two keys needs the later one, however little else the network sees
    return WindowLayout(length=longest, before=before, after=min(max(before, 1), longest - 1))


def borders(count: int, layout: WindowLayout) -> Iterator[int]:
    """Where, in a shot of so many keys, one window's own intervals end and the next one's begin.

    Whoever begins ``layout.before`` keys before a border, or ends ``layout.after`` keys behind one, meets the same
    windows there as in the whole shot.
    """
    own = layout.length - layout.after
    yield from range(own, count - layout.after, own - layout.before)


def windows(intervals: Iterable[Interval], layout: WindowLayout) -> Iterator[Window]:
    """Cut a film's intervals into windows. Holds ``layout.length`` keys and looks one further."""
    keys: deque[Interval] = deque(maxlen=layout.length)
    own = 0  # the first interval in ``keys`` that no window has owned yet
    for interval in intervals:
        if interval.starts_shot and keys:
            yield Window(keys=tuple(keys), own=range(own, len(keys)))
            keys.clear()
            own = 0
        if len(keys) == layout.length:
            if own <= layout.before:
                yield Window(keys=tuple(keys), own=range(own, layout.length - layout.after))
                own = layout.length - layout.after
            own -= 1  # the oldest key leaves as the new one enters
        keys.append(interval)
    if keys:
        yield Window(keys=tuple(keys), own=range(own, len(keys)))
