"""What a job tells while it runs, and what it hands over at the end."""

from dataclasses import dataclass
from pathlib import Path

from stvsr.jobs.plan import Plan
from stvsr.jobs.stages import Waiting
from stvsr.jobs.verify import VerifyReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the work is."""

    frames_out: int
    frames_expected: int | None
    seconds: float
    bottleneck: str
    """The stage that the others wait for: reading, computing or writing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhanceResult:
    """What was done."""

    plan: Plan
    output: Path
    frames_in: int
    frames_out: int
    seconds: float
    """Of this run; one that went on with an earlier one's segments is shorter."""
    notes: tuple[str, ...]
    """What came to light on the way, beside the plan's own notes."""
    verify: VerifyReport
    """The proof; every point of it holds."""


def progress_of(waiting: Waiting, frames_out: int, frames_expected: int | None, seconds: float) -> Progress:
    """How far the work is after so many seconds."""
    return Progress(
        frames_out=frames_out,
        frames_expected=frames_expected,
        seconds=seconds,
        bottleneck=waiting.bottleneck(seconds),
    )
