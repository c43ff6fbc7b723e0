"""One film in, one film out: read, render, write, prove, and only then give the result its name.

read ─ thread ─> mark shots ─> render (here) ─> resize ─ thread ─> write ─> verify ─> place
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from stvsr.clip import Frame
from stvsr.inference import RenderReport, render
from stvsr.jobs.expect import Expectation, Record, expectation
from stvsr.jobs.place import place, unproven
from stvsr.jobs.plan import EnhanceSettings, Plan, make_plan
from stvsr.jobs.stages import Waiting, read_ahead, write_behind
from stvsr.jobs.verify import VerifyReport, equal, verify
from stvsr.ops.resize import resize_to
from stvsr.video import VideoReader, VideoWriter, mark_shots
from stvsr.weights.catalog import load_network

READ_AHEAD, WRITE_BEHIND = 8, 3
"""How many frames wait between the threads; those read are small, those written large."""


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
    notes: tuple[str, ...]
    """What came to light on the way, beside the plan's own notes."""
    verify: VerifyReport
    """The proof; every point of it holds."""


def enhance(
    source: str | Path,
    target: str | Path | None = None,
    settings: EnhanceSettings | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    on_plan: Callable[[Plan], None] | None = None,
) -> EnhanceResult:
    """Make a film larger and smoother.

    source: a video file, a folder of pictures, or "-" for y4m on standard input. target: a file (.mp4 .mov .mkv
    .webm), a folder for pictures (ending in "/"), "-" for y4m on standard output; None: beside the source, named
    after what was done. progress: called after every frame. on_plan: called once, before the work begins.
    Raises STVSRError for everything that the user can mend; the target then does not exist, or is what it was.
    A result that fails its proof is kept under another name, which the VerificationError tells.
    """
    settings, began = settings or EnhanceSettings(), time.perf_counter()
    record, waiting, rendering = Record(), Waiting(), RenderReport()

    def frame_out(frame: Frame) -> None:
        record.frame_out(frame)
        if progress is not None:
            spent = time.perf_counter() - began
            progress(
                Progress(
                    frames_out=record.frames_out,
                    frames_expected=plan.frames_out,
                    seconds=spent,
                    bottleneck=bottleneck(waiting, spent),
                )
            )

    with VideoReader(source) as reader:
        plan = make_plan(source, reader.info, target, settings)
        network = load_network(
            plan.network, plan.network_scale, weights=settings.weights, allow_untrained=settings.allow_untrained
        )
        if on_plan is not None:
            on_plan(plan)
        with unproven(plan.target, is_folder=plan.is_folder) as path:
            writer = VideoWriter(path, plan.writing, reader.info, time_base=plan.clock, rate=plan.rate)
            read = mark_shots(seen(reader.frames(), record.frame_in))
            with (
                writer,
                closing(read_ahead(read, depth=READ_AHEAD, waiting=waiting)) as frames,
            ):
                rendered = render(frames, network, settings.target, settings.render, rendering)
                finished = seen((resized(frame, plan) for frame in rendered), frame_out)
                write_behind(finished, writer.write, depth=WRITE_BEHIND, waiting=waiting)
            promise = expectation(record, reader.info, plan, settings.target, writer.dropped)
            proof = sent(promise, record) if path == "-" else verify(Path(path), promise)
            # a source that breaks off halfway can look like one that is over
            whole = equal("pictures lost while reading", 0, reader.report.undecodable)
            proof = replace(proof, checks=(whole, *proof.checks))
            place(path, plan.target, proof)
        notes = (*rendering.remarks, *reader.report.remarks, *writer.dropped)
    return EnhanceResult(
        plan=plan,
        output=plan.target,
        frames_in=record.frames_in,
        frames_out=record.frames_out,
        seconds=time.perf_counter() - began,
        notes=notes,
        verify=proof,
    )


def seen(frames: Iterable[Frame], look: Callable[[Frame], None]) -> Iterator[Frame]:
    """The same frames; each is looked at as it passes."""
    for frame in frames:
        look(frame)
        yield frame


def resized(frame: Frame, plan: Plan) -> Frame:
    """The frame in the size that the plan promises; the network's own scale may differ from it."""
    width, height = plan.size
    if frame.image.shape[-2:] == (height, width):
        return frame
    return replace(frame, image=resize_to(frame.image, height, width).clamp(0, 1))


def bottleneck(waiting: Waiting, spent: float) -> str:
    """The stage that takes the most of the time."""
    computing = spent - waiting.for_reading - waiting.for_writing
    shares = {"reading": waiting.for_reading, "computing": computing, "writing": waiting.for_writing}
    return max(shares, key=lambda stage: shares[stage])


def sent(promise: Expectation, record: Record) -> VerifyReport:
    """What can be proven of frames that went down a pipe."""
    return VerifyReport(path=Path("-"), checks=(equal("frames", promise.frames, record.frames_out),))
