"""Which instants to render, and when to show them: exact arithmetic on the source's own timestamps, streaming.

Each source frame owns the interval from its time to the next frame's (the last one: time + duration). Instants lie
inside intervals; where an interval ends at a cut or with the film, its instants hold the first frame's picture.
Two clocks: *source* seconds say what is seen, *output* seconds when it is shown; slow motion stretches the second.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, pairwise
from math import ceil

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.clip import Frame
from stvsr.errors import InputError, SettingsError

MOST_TIMES = 64
MOST_FPS = 1000
NEAR_ENOUGH_DEPTH = 3
"""A network of fixed step is applied this often where no depth hits the instant: with step 1/2, eighths of a frame."""
DEEPEST = 6
"""... and at most this often where a depth hits it: with step 1/2, x64."""
LONGEST_RUN = 5
"""A picture shown for more frames than this stands still on purpose; shorter runs are copies made to fill a rate."""
SAME_PICTURE = 2 / 255
"""Copies differ by no more than this in the mean of any 8x8 block: coding noise passes, a moving mouth does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the film's timing shall become. The default keeps it: one frame out for each frame in.

    factor: frames out for each frame in, 1 to 64; variable rates stay variable.
    fps: instead of a factor, a constant rate in frames per second, above 0 and up to 1000.
    slow_motion: how many times slower the film shall run, 1 to 64; the number of frames grows with it.
    drop_duplicates: where a picture is shown for 2 to 5 frames in a row, treat the copies as missing and render their
    times anew. Raises SettingsError for values that cannot work.
    """

    factor: int = 1
    fps: Fraction | int | None = None
    slow_motion: int = 1
    drop_duplicates: bool = False

    def __post_init__(self) -> None:
        for name, value in [("frame-rate factor", self.factor), ("slow-motion factor", self.slow_motion)]:
            if not 1 <= value <= MOST_TIMES:
                raise SettingsError(f"The {name} must be 1 to {MOST_TIMES}, but {value} was asked for. Try 2.")
        if self.fps is None:
            return
        if not 0 < self.fps <= MOST_FPS:
            raise SettingsError(
                f"The frame rate must be above 0 and at most {MOST_FPS} per second, but {self.fps} was asked for. "
                f"Try 60, or 24000/1001."
            )
        if self.factor != 1:
            raise SettingsError(
                f"Both a frame-rate factor ({self.factor}) and a frame rate ({self.fps}) were asked for. Give one."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One output frame, before it is rendered."""

    t: Fraction
    """Which share of the way from the interval's key to the next, in [0, 1); 1 only where a fixed step rounds up."""
    time: Fraction
    """When it appears, in output seconds."""
    duration: Fraction
    """How long it stays, in output seconds."""
    starts_shot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A key frame, and the instants from its time on and before the next key's."""

    image: Float[Tensor, "c h w"]
    starts_shot: bool
    instants: tuple[Instant, ...]


def intervals(frames: Iterable[Frame], target: Target, start: Fraction | None = None) -> Iterator[Interval]:
    """Lay the target's instants out over the source, one interval at a time, looking one frame ahead.

    start: when the film begins, in source seconds; None: with the first of these frames.
    Instants ascend strictly in time. A factor fills every interval evenly; a rate counts from the film's first frame
    to its end, so that its last frame may outlast the film by less than its own duration.
    Raises InputError where the source's time stands still or runs backwards.
    """
    keys = without_duplicates(frames) if target.drop_duplicates else ((frame, ()) for frame in frames)
    cut = False
    for (key, dropped), following in pairwise(chain(keys, [None])):  # type: ignore[misc]
        start = key.time if start is None else start
        end = key.time + key.duration if following is None else following[0].time
        if end <= key.time:
            raise InputError(
                f"The source shows a frame at {float(key.time):.6f} s until {float(end):.6f} s: its time does not "
                f"ascend. Repair the file's timestamps, for instance by remuxing it."
            )
        held = following is None or following[0].starts_shot
        cut = cut or key.starts_shot
        instants = []
        for begin, finish in pairwise([key.time, *dropped, end]):
            for seen, duration in instants_between(begin, finish, start, target):
                t = Fraction(0) if held else (seen - key.time) / (end - key.time)
                time = start + (seen - start) * target.slow_motion
                instants.append(Instant(t=t, time=time, duration=duration, starts_shot=cut))
                cut = False
        yield Interval(image=key.image, starts_shot=key.starts_shot, instants=tuple(instants))


def instants_between(
    begin: Fraction, end: Fraction, start: Fraction, target: Target
) -> Iterator[tuple[Fraction, Fraction]]:
    """The instants in [begin, end), in source seconds, each with its duration in output seconds."""
    if target.fps is None:
        count = target.factor * target.slow_motion
        for i in range(count):
            yield begin + (end - begin) * i / count, (end - begin) / target.factor
    else:
        per_source_second = Fraction(target.fps) * target.slow_motion
        for k in range(ceil((begin - start) * per_source_second), ceil((end - start) * per_source_second)):
            yield start + k / per_source_second, 1 / Fraction(target.fps)


def without_duplicates(frames: Iterable[Frame]) -> Iterator[tuple[Frame, tuple[Fraction, ...]]]:
    """Each frame that shows something new, with the times of its dropped copies.

    Copies are kept where nothing could be rendered in their place: before a cut, at the end of the film, and in a
    picture that stands still for longer than ``LONGEST_RUN`` frames (which also bounds what is held in memory).
    """
    run: list[Frame] = []  # a frame and its copies so far
    still = False
    for frame in frames:
        if run and not frame.starts_shot and same_picture(run[0].image, frame.image):
            run.append(frame)
            still = still or len(run) > LONGEST_RUN
        else:
            if frame.starts_shot:
                yield from ((kept, ()) for kept in run)
            elif run:
                yield run[0], tuple(copy.time for copy in run[1:])
            run, still = [frame], False
        if still:
            yield from ((kept, ()) for kept in run[:-1])
            run = run[-1:]
    yield from ((kept, ()) for kept in run)


def same_picture(one: Float[Tensor, "c h w"], other: Float[Tensor, "c h w"]) -> bool:
    """True where no 8x8 block differs by more than coding noise."""
    difference = (one - other).abs().mean(0, keepdim=True)
    return bool(F.avg_pool2d(difference, 8, ceil_mode=True).max() <= SAME_PICTURE)


def depth(target: Target, step: Fraction) -> int:
    """How often a network of this step must be applied to its own frames to come near enough to every instant."""
    if step == 1:
        return 1
    count = target.factor * target.slow_motion
    exact = [d for d in range(1, DEEPEST + 1) if Fraction(1, count) % step**d == 0]
    if target.fps is None and not target.drop_duplicates and exact:
        return exact[0]
    return NEAR_ENOUGH_DEPTH


def between(interval: Interval, begin: Fraction, end: Fraction) -> Interval:
    """The same interval with only the instants that appear from ``begin`` on and before ``end``, in output seconds."""
    return replace(interval, instants=tuple(instant for instant in interval.instants if begin <= instant.time < end))


def rounded(interval: Interval, grid: Fraction) -> Interval:
    """The same interval with every instant moved to the nearest multiple of ``grid``; when it is shown stays."""
    instants = (replace(instant, t=round(instant.t / grid) * grid) for instant in interval.instants)
    return replace(interval, instants=tuple(instants))


def split_points(interval: Interval, step: Fraction) -> tuple[Fraction, ...]:
    """Where an interval must be split so that a network of this step comes nearer to its instants; often nowhere."""
    if all(instant.t % step == 0 for instant in interval.instants):
        return ()
    return tuple(step * i for i in range(1, int(1 / step)))


def split(interval: Interval, step: Fraction, images: list[Tensor]) -> Iterator[Interval]:
    """The parts of an interval whose inner keys have been rendered: ``images`` at ``split_points``."""
    for i, image in enumerate([interval.image, *images]):
        begin, last = step * i, i == len(images)
        instants = (
            replace(instant, t=(instant.t - begin) / step)
            for instant in interval.instants
            if begin <= instant.t and (last or instant.t < begin + step)
        )
        yield Interval(image=image, starts_shot=interval.starts_shot and i == 0, instants=tuple(instants))


def largest_deviation(target: Target, step: Fraction | None, rate: Fraction | None) -> Fraction:
    """How far from its exact instant a frame may be rendered, as a share of the time between two input frames.

    step: the network's ``spec.step``. rate: the source's constant frame rate, or None where it varies.
    0 for a network that renders any instant.
    """
    if step is None:
        return Fraction(0)
    grid = step ** depth(target, step)
    if target.drop_duplicates or (target.fps is not None and rate is None):
        return grid / 2
    if target.fps is None:
        pace = Fraction(1, target.factor * target.slow_motion)
    else:
        pace = rate / (Fraction(target.fps) * target.slow_motion)  # type: ignore[operator]
    # counted in steps of the grid, instants visit every multiple of 1 / beats: the worst lies next to a half
    beats = (pace / grid).denominator
    return grid * Fraction(beats // 2, beats)
