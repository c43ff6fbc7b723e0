"""Where a film cuts: the pictures on either side are unlike each other, and more so than each side's own motion.

PySceneDetect's adaptive detector asks the same of single neighbours; it needs OpenCV with a window system, so the
few lines are ours, with three frames on either side: a flash of one or two frames resembles what came before as soon
as it is over, and is no cut. Dissolves are not cuts either.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.clip import Frame

SIDE = 3
"""Frames looked at before and after a cut; shots of fewer frames may be taken for flashes."""
LONGEST_SIDE = 64
"""Pictures are compared at this size, in pixels."""
BINS = 16
# These find the 27 shots of a film full of fire and smoke, and none more in 75 clips of one shot each.
CLEAR, SHARP = (0.30, 1.4), (0.08, 3.0)
"""Least unlikeness, and its least ratio to the motion on either side: of cuts in wild scenes, of dull cuts in calm."""


def mark_shots(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames, with ``starts_shot`` set on the first frame of every shot and on no other.

    Looks two frames ahead and keeps no more than six small pictures.
    """
    seen: deque[_Look] = deque(maxlen=2 * SIDE)  # the last looks, the undecided frames' among them
    undecided: deque[Frame] = deque()
    for frame in frames:
        seen.append(_look(frame.image))
        undecided.append(frame)
        if len(undecided) == SIDE:
            yield _decided(undecided, seen)
    while undecided:
        yield _decided(undecided, seen)


@dataclass(frozen=True, slots=True)
class _Look:
    """What a picture looks like from afar."""

    small: Float[Tensor, "3 y x"]
    """Luma and two colour differences."""
    histogram: Float[Tensor, "3 bins"]


def _decided(undecided: deque[Frame], seen: deque[_Look]) -> Frame:
    looks = list(seen)
    here = len(looks) - len(undecided)
    before, after = looks[max(0, here - SIDE) : here], looks[here : here + SIDE]
    return replace(undecided.popleft(), starts_shot=not before or _is_cut(before, after))


def _is_cut(before: list[_Look], after: list[_Look]) -> bool:
    across = min(_unlikeness(one, other) for one in before for other in after)
    if across < SHARP[0]:
        return False
    steps = [_unlikeness(*pair) for side in (before, after) for pair in pairwise(side)]
    motion = sum(steps) / max(1, len(steps)) + 0.02  # 0.02: noise of a scene at rest
    return any(across >= least and across >= ratio * motion for least, ratio in (CLEAR, SHARP))


def _unlikeness(one: _Look, other: _Look) -> float:
    """Mean difference of the pictures plus that of their histograms, which motion hardly changes."""
    difference = (one.small - other.small).abs().mean() * 3
    return float(difference + (one.histogram - other.histogram).abs().sum() / 6)


def _look(image: Float[Tensor, "c h w"]) -> _Look:
    height, width = image.shape[-2:]
    shrink = max(1.0, max(height, width) / LONGEST_SIDE)
    red, green, blue = F.adaptive_avg_pool2d(image, (max(1, round(height / shrink)), max(1, round(width / shrink))))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    small = torch.stack([luma, (blue - luma) * 0.564, (red - luma) * 0.713])
    place = (small + torch.tensor([0.0, 0.5, 0.5])[:, None, None]).flatten(1).clamp(0, 1) * (BINS - 1e-3)
    lower = place.floor()
    share = place - lower  # each pixel is shared between two bins, so that a slow fade moves the histogram slowly
    histogram = torch.zeros(3, BINS + 1)
    histogram.scatter_add_(1, lower.long(), 1 - share).scatter_add_(1, lower.long() + 1, share)
    return _Look(small, histogram / place.shape[1])
