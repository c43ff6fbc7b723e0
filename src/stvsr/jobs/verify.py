"""Proof: the finished film is read again from disk and held against what was promised, point by point."""

from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from stvsr.jobs.expect import Expectation, Record
from stvsr.jobs.sound import spans_of_sound
from stvsr.jobs.stages import on_one_core
from stvsr.jobs.watch import watch
from stvsr.video import VideoInfo, probe
from stvsr.video.colour import as_yuv
from stvsr.video.container import DecodeReport

CLOCK = Fraction(1, 500)
"""Containers round timestamps (Matroska to milliseconds); more than this many seconds is drift."""
SOUND_START, SOUND_END = Fraction(1, 40), Fraction(1, 15)
"""Sound comes in packets of 20 to 30 ms: how far a track's first and last may lie from where they should."""
SMALLEST = 16
"""Some codecs enlarge smaller pictures to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One point of the proof."""

    name: str
    ok: bool
    expected: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyReport:
    """All points of the proof."""

    path: Path
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        return all(check.ok for check in self.checks)

    @property
    def failures(self) -> str:
        """What is wrong, in one line."""
        return "; ".join(f"{c.name}: expected {c.expected}, got {c.got}" for c in self.checks if not c.ok)


def verify(path: Path, expectation: Expectation | None = None) -> VerifyReport:
    """Read a finished film (file or folder of pictures) from disk and check it; every picture is decoded.

    Without an expectation, only what every film must hold is checked: all of it can be decoded, time runs forward.
    Raises InputError where the film cannot be read at all.
    """
    expectation = expectation or Expectation()
    info, film, report = probe(path), Record(), DecodeReport()
    with on_one_core():
        for frame in watch(path, info, report):
            film.frame_in(frame)
    if info.container == "pictures" and expectation.times and len(expectation.times) == film.frames_in:
        film.levels.times = array("d", expectation.times)  # pictures have no clock of their own
    return VerifyReport(
        path=path,
        checks=(
            equal("broken pictures", 0, report.damaged + report.undecodable),
            *of_time(film, expectation),
            *of_facts(info, expectation),
            *of_sound(path, info, expectation),
            *of_pictures(film, expectation),
        ),
    )


def of_time(film: Record, expectation: Expectation) -> Iterator[Check]:
    times = film.levels.times
    if expectation.frames is not None:
        yield equal("frames", expectation.frames, len(times))
    backward = sum(not before < after for before, after in pairwise(times))
    yield equal("steps back in time", 0, backward)
    if expectation.times is not None:
        wanted = expectation.times
        pairs = zip(times, wanted, strict=False)  # a wrong number of them is the check above
        drift = max((abs(got - times[0] - (due - wanted[0])) for got, due in pairs), default=0.0)
        yield Check(
            name="timestamps", ok=drift <= CLOCK, expected=f"within {float(CLOCK)} s", got=f"within {drift:.4f} s"
        )
    if expectation.duration is not None:
        # some containers do not keep how long the last picture stays
        slack = max(CLOCK, expectation.duration / len(times))
        yield near("duration", expectation.duration, film.end - film.start, slack)


def of_facts(info: VideoInfo, expectation: Expectation) -> Iterator[Check]:
    if expectation.size is not None:
        fits = all(padded(due, got) for due, got in zip(expectation.size, (info.width, info.height), strict=True))
        width, height = expectation.size
        yield Check(name="size", ok=fits, expected=f"{width}x{height}", got=f"{info.width}x{info.height}")
    if expectation.sample_aspect_ratio is not None:
        yield equal("pixel aspect", expectation.sample_aspect_ratio, info.sample_aspect_ratio)
    if expectation.rotation is not None:
        yield equal("rotation", expectation.rotation, info.rotation)
    if expectation.streams is not None:
        found = Counter(stream.kind for stream in info.streams)
        yield Check(
            name="streams",
            ok=expectation.streams <= found,
            expected=counted(expectation.streams),
            got=counted(found),
        )
    if expectation.colour is not None:
        # RGB can be stored as YUV, but only in one way
        wanted = replace(expectation.colour, guessed=())
        if wanted.matrix == 0 != info.colour.matrix:
            wanted = replace(as_yuv(wanted, info.height), guessed=())
        yield Check(name="colour", ok=wanted == info.colour, expected=str(wanted), got=tagged(info))


def of_sound(path: Path, info: VideoInfo, expectation: Expectation) -> Iterator[Check]:
    if not expectation.sound:
        return
    found = spans_of_sound(path, info.start_time)
    yield equal("sound tracks", len(expectation.sound), len(found))
    for number, (wanted, got) in enumerate(zip(expectation.sound, found, strict=False), start=1):
        yield near(f"sound {number} begins", wanted.start, got.start, SOUND_START)
        yield near(f"sound {number} ends", wanted.end, got.end, SOUND_END)


def of_pictures(film: Record, expectation: Expectation) -> Iterator[Check]:
    if expectation.levels is not None:
        odd = film.levels.objections(expectation.levels, expectation.stretch)
        got = f"{odd[0]}{f', and {len(odd) - 1} more' if len(odd) > 1 else ''}" if odd else "none"
        yield Check(name="black, flat or wrong pictures", ok=not odd, expected="none", got=got)


def equal(name: str, expected: object, got: object) -> Check:
    return Check(name=name, ok=expected == got, expected=str(expected), got=str(got))


def near(name: str, expected: Fraction, got: Fraction, slack: Fraction) -> Check:
    ok = abs(expected - got) <= slack
    return Check(name=name, ok=ok, expected=f"{float(expected):.3f} s", got=f"{float(got):.3f} s")


def padded(due: int, got: int) -> bool:
    return got in (due, due + due % 2) or due < SMALLEST == got


def counted(kinds: Counter[str]) -> str:
    return ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())) or "none"


def tagged(info: VideoInfo) -> str:
    guessed = ", ".join(info.colour.guessed)
    return f"{info.colour}, but {guessed} not tagged" if guessed else str(info.colour)
