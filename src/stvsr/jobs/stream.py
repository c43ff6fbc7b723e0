"""A film that comes from a pipe or goes into one: it passes by once, and nothing of it can be kept.

read ─ thread ─> mark shots ─> render (here) ─> resize ─ thread ─> write ─> verify ─> place
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from stvsr.clip import Frame
from stvsr.inference import RenderReport, render
from stvsr.jobs.expect import Expectation, Record, expectation
from stvsr.jobs.place import place, unproven
from stvsr.jobs.plan import EnhanceSettings, Plan, check_target, make_plan
from stvsr.jobs.render import READ_AHEAD, WRITE_BEHIND, load_network_of, resized
from stvsr.jobs.result import EnhanceResult, Progress, progress_of
from stvsr.jobs.stages import Waiting, read_ahead, write_behind
from stvsr.jobs.verify import VerifyReport, equal, verify
from stvsr.video import VideoReader, VideoWriter, mark_shots


def enhance_stream(
    source: str | Path,
    target: str | Path | None,
    settings: EnhanceSettings,
    *,
    progress: Callable[[Progress], None] | None = None,
    on_plan: Callable[[Plan], None] | None = None,
) -> EnhanceResult:
    """As ``enhance``, where source or target is "-"."""
    began, record, waiting, rendering = time.perf_counter(), Record(), Waiting(), RenderReport()

    def frame_out(frame: Frame) -> None:
        record.frame_out(frame)
        if progress is not None:
            progress(progress_of(waiting, record.frames_out, plan.frames_out, time.perf_counter() - began))

    with VideoReader(source, deinterlace=settings.deinterlace) as reader:
        plan = make_plan(source, reader.info, target, settings)
        check_target(Path(source), plan.target, is_folder=plan.is_folder, overwrite=settings.overwrite)
        network = load_network_of(plan)
        if on_plan is not None:
            on_plan(plan)
        with unproven(plan.target, is_folder=plan.is_folder) as path:
            writer = VideoWriter(path, plan.writing, reader.info, time_base=plan.clock, rate=plan.rate)
            read = mark_shots(seen(reader.frames(), record.frame_in))
            with (
                writer,
                closing(read_ahead(read, depth=READ_AHEAD, waiting=waiting)) as frames,
            ):
                rendered = render(frames, network, settings.target, plan.render, rendering)
                finished = seen((resized(frame, plan) for frame in rendered), frame_out)
                write_behind(finished, writer.prepare, writer.put, depth=WRITE_BEHIND, waiting=waiting)
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


def sent(promise: Expectation, record: Record) -> VerifyReport:
    """What can be proven of frames that went down a pipe."""
    return VerifyReport(path=Path("-"), checks=(equal("frames", promise.frames, record.frames_out),))
