"""What is asked of a network, which frames of a clip it sees, and which of the frames it renders are scored.

``docs/evaluation.md`` explains every choice. Any change that moves a number raises ``VERSION``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeVar

from stvsr.errors import SettingsError

VERSION = 1
"""Of the protocol; it stands in every result, so that numbers of different protocols are never mixed up."""

SPAN = 6
"""From the first to the last frame of a window, unless two key frames lie further apart: four keys for x2 in time."""

Mode = Literal["space-time", "space", "time"]
Scored = Literal["all", "between", "first"]
Channels = Literal["Y", "RGB"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """The task: made larger (``space``), smoother (``time``) or both, and by how much. See ``make_task``."""

    mode: Mode
    scale: int
    """The frames that are given are smaller than the originals by this, except in time mode, where both are."""
    times: int

    @property
    def enlargement(self) -> int:
        """The network's scale."""
        return 1 if self.mode == "time" else self.scale

    def __str__(self) -> str:
        return {
            "space-time": f"x{self.scale} in space, x{self.times} in time",
            "space": f"x{self.scale} in space, every frame given",
            "time": f"x{self.times} in time, "
            + (f"at 1/{self.scale} of the size" if self.scale > 1 else "full size given"),
        }[self.mode]


def make_task(mode: Mode = "space-time", *, scale: int | None = None, times: int | None = None) -> Task:
    """The task, with what goes without saying filled in: x4 in space and x2 in time, but full size in time mode.

    Raises SettingsError for values that cannot work together.
    """
    if mode == "space" and times not in (None, 1):
        raise SettingsError(f"In space mode every frame is given, but x{times} in time was asked for. Leave it out.")
    least = 1 if mode == "time" else 2
    scale = (1 if mode == "time" else 4) if scale is None else scale
    times = 1 if mode == "space" else 2 if times is None else times
    if not least <= scale <= 8:
        raise SettingsError(f"A scale of {scale} was asked for. Choose {least} to 8; time mode enlarges nothing.")
    if mode != "space" and not 2 <= times <= 16:
        raise SettingsError(
            f"x{times} in time was asked for. Choose 2 to 16; space mode leaves the frames as they are."
        )
    return Task(mode=mode, scale=scale, times=times)


@dataclass(frozen=True, slots=True)
class Sampling:
    """Every ``stride``-th frame of a clip is a key frame; of the frames up to the last key, some are scored."""

    stride: int
    scored: Scored

    @property
    def least(self) -> int:
        """How many frames a clip needs."""
        return self.stride + 1 if self.stride > 1 else 1

    def used(self, count: int) -> int:
        """How many frames of a clip lie between its first and its last key, both included."""
        return (count - 1) // self.stride * self.stride + 1

    def counts(self, index: int) -> bool:
        """Whether this frame of the clip is scored."""
        if self.scored == "first":
            return index == 0
        return self.scored == "all" or index % self.stride != 0


def windows(frames: Iterable[T], stride: int) -> Iterator[tuple[int, list[T]]]:
    """The windows of a clip, each as the place of its first frame and its frames; at most two are held at once.

    Each starts and ends at a key frame and shares it with its neighbour; the last is moved back so that it is whole.
    Frames after the last key are in no window. A clip shorter than a window is one, if it has two keys (or stride 1).
    """
    span = stride * max(1, SPAN // stride)
    held: list[T] = []
    start, whole = 0, False
    for frame in frames:
        held.append(frame)
        if len(held) == (2 * span if whole else span) + 1:
            if whole:
                held, start = held[span:], start + span
            whole = True
            yield start, held[:]
    left = len(held) - 1 - (span if whole else 0)
    left -= left % stride
    if whole and left:
        yield start + left, held[left : left + span + 1]
    elif not whole and held and (left or stride == 1):
        yield start, held[: left + 1]
