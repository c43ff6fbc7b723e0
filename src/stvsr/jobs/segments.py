"""A film cut into segments that can be rendered apart, in any order and by anyone, and give the same film.

Segments are cut where the film cuts; a shot longer than a segment may be is cut where one window ends and the next
begins, and is rendered with the frames around it as context.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import torch

from stvsr.clip import Frame
from stvsr.inference import Target, timeline
from stvsr.inference.windows import WindowLayout, borders
from stvsr.jobs.survey import Survey


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of the source, and what comes of it."""

    index: int
    first: int
    stop: int
    """Own frames of the source: from ``first`` on, before ``stop``."""
    read_first: int
    read_stop: int
    """The same with context."""
    begin: Fraction
    end: Fraction
    """When the first frame out appears, in seconds, and from when on frames belong to the next segment."""
    frames_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Every frame out, by arithmetic on the source's times alone."""

    counts: array
    """How many frames out appear while each frame of the source is shown."""
    times: array
    """When each appears, in seconds."""


def outcome(seen: Survey, target: Target) -> Outcome:
    """Lay the target's instants out over the whole film. Dropping copies changes what is shown, not when."""
    found = Outcome(counts=array("l"), times=array("d"))
    plain = Target(factor=target.factor, fps=target.fps, slow_motion=target.slow_motion)
    for interval in timeline.intervals(_blank_frames(seen), plain):
        found.counts.append(len(interval.instants))
        found.times.extend(float(instant.time) for instant in interval.instants)
    return found


def _blank_frames(seen: Survey) -> Iterator[Frame]:
    nothing = torch.zeros(3, 1, 1)
    for number in range(seen.frames):
        time = seen.time(number)
        cut = number in seen.first_frames
        yield Frame(image=nothing, time=time, duration=seen.time(number + 1) - time, starts_shot=cut)


def segments(
    seen: Survey, counts: array, target: Target, layout: WindowLayout, step: Fraction | None, longest: int
) -> tuple[Segment, ...]:
    """Cut the film. step: the network's ``spec.step``. longest: own frames of a segment, where cuts allow it."""
    depth = 1 if step is None else timeline.depth(target, step)
    exact = depth == 1 and not target.drop_duplicates
    context = max(layout.before, layout.after, 1)
    if not exact:  # windows depend on all that came before in the shot: come near, with context enough
        context = (2 * context if depth > 1 else context) + timeline.LONGEST_RUN
        context *= timeline.LONGEST_RUN if target.drop_duplicates else 1
    start, cuts, made = seen.time(0), [*seen.shots, seen.frames], []
    for index, (first, stop) in enumerate(pairwise(_cuts(seen, counts, layout if exact else None, longest))):
        shot = bisect_right(cuts, first) - 1
        last_shot = bisect_right(cuts, stop - 1) - 1
        before = layout.before if exact else context
        after = max(layout.after, 1) if exact else context
        begin, end = (start + (seen.time(at) - start) * target.slow_motion for at in (first, stop))
        made.append(
            Segment(
                index=index,
                first=first,
                stop=stop,
                read_first=max(cuts[shot], first - before),
                read_stop=min(cuts[last_shot + 1], stop + after),
                begin=begin,
                end=end,
                frames_out=sum(counts[first:stop]),
            )
        )
    return tuple(made)


def _cuts(seen: Survey, counts: array, layout: WindowLayout | None, longest: int) -> list[int]:
    """Where segments begin, and the film's end: as far apart as ``longest`` allows, else at the next place."""
    chosen, last = [0], 0
    for place in [*_places(seen, layout, longest), seen.frames]:
        if place - chosen[-1] > longest and any(counts[chosen[-1] : last]) and any(counts[last:place]):
            chosen.append(last)
        last = place
    return [*chosen, seen.frames]


def _places(seen: Survey, layout: WindowLayout | None, longest: int) -> Iterator[int]:
    """Where a segment may begin."""
    for first, stop in pairwise([*seen.shots, seen.frames]):
        yield first
        inside = borders(stop - first, layout) if layout is not None else range(longest, stop - first, longest)
        yield from (first + place for place in inside)
