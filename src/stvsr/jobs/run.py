"""One film in, one film out: survey, render segment by segment, join, prove, and only then give the result its name.

Each step finds what an earlier run has finished, and goes on from there.
"""

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from stvsr.errors import OutputError, SettingsError, VerificationError
from stvsr.inference import Engine, RenderReport
from stvsr.jobs.charter import charter
from stvsr.jobs.expect import Record, expectation
from stvsr.jobs.join import join, restore
from stvsr.jobs.journal import Job, opened, read_facts, surveyed, write_facts
from stvsr.jobs.place import place
from stvsr.jobs.plan import EnhanceSettings, Plan, check_target, make_plan
from stvsr.jobs.provenance import metadata_with
from stvsr.jobs.render import load_network_of, remove, render_segment
from stvsr.jobs.result import EnhanceResult, Progress, progress_of
from stvsr.jobs.stages import Waiting
from stvsr.jobs.stream import enhance_stream
from stvsr.jobs.verify import Check, VerifyReport, equal, verify
from stvsr.video import probe

Crew = Callable[[Job, Sequence[int], Callable[[int], None]], None]
"""Whoever renders segments: given the job, the numbers of those that are missing, and whom to tell of so many more
frames out."""


def enhance(
    source: str | Path,
    target: str | Path | None = None,
    settings: EnhanceSettings | None = None,
    *,
    restart: bool = False,
    crew: Crew | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_plan: Callable[[Plan], None] | None = None,
) -> EnhanceResult:
    """Make a film larger and smoother. Called again after a break of any kind, it goes on where it was.

    source: a video file, a folder of pictures, or "-" for y4m on standard input. target: a file (.mp4 .mov .mkv
    .webm), a folder for pictures (ending in "/"), "-" for y4m on standard output; None: beside the source, named
    after what was done. restart: forget an unfinished job instead of going on with it. crew: renders the segments, for
    example on other machines (``stvsr.cluster``); None: this process does. progress: called after every frame, or
    after every segment of a crew. on_plan: called once, before the work begins.
    Raises STVSRError for everything that the user can mend; the target then does not exist, or is what it was.
    A result that fails its proof is kept under another name, which the VerificationError tells.
    """
    settings = settings or EnhanceSettings()
    if "-" in (str(source), str(target)):
        if crew is not None:
            raise SettingsError("A film that goes through a pipe cannot be shared out. Give files, or no cluster.")
        return enhance_stream(source, target, settings, progress=progress, on_plan=on_plan)
    began, source = time.perf_counter(), Path(source)
    info = probe(source)
    plan = make_plan(source, info, target, settings)
    folder = job_folder(plan.target)
    terms = charter(source, settings, plan)
    words = metadata_with(terms, plan.target.suffix, info.metadata)
    plan = replace(plan, writing=replace(plan.writing, metadata=words))
    if not was_placed(folder, terms, plan):
        check_target(source, plan.target, is_folder=plan.is_folder, overwrite=settings.overwrite)
    waiting = Waiting()
    crew = crew or alone(Engine(load_network_of(plan), plan.render, RenderReport()), waiting)
    with opened(folder, terms, restart=restart):
        job = Job(
            source=source,
            info=info,
            plan=plan,
            target=settings.target,
            survey=surveyed(source, folder),
            folder=folder,
        )
        job.plan = plan = replace(plan, frames_out=len(job.outcome.times))
        if on_plan is not None:
            on_plan(plan)
        try:
            work(job, crew, waiting, progress, began)
            return finish(job, began)
        except OutputError as error:  # its message names our hidden file, but the user asked for another
            raise OutputError(named(str(error), job)) from error
        except KeyboardInterrupt:
            done = sum(job.record_of(segment.index) is not None for segment in job.segments)
            hint = "The same command goes on from there." if done else "Nothing is left of it."
            raise KeyboardInterrupt(f"{done} of {len(job.segments)} segments are finished. {hint}") from None


def job_folder(target: Path) -> Path:
    """Where the job of this target keeps its things."""
    return target.with_name(f".{target.name}.job")


def alone(engine: Engine, waiting: Waiting) -> Crew:
    """This process, one segment after another."""

    def render(job: Job, pending: Sequence[int], frames_out: Callable[[int], None]) -> None:
        for index in pending:
            render_segment(job, index, engine, waiting=waiting, on_frame=lambda: frames_out(1))

    return render


def work(job: Job, crew: Crew, waiting: Waiting, progress: Callable[[Progress], None] | None, began: float) -> None:
    """Have the segments rendered that are not finished yet."""
    if (job.folder / "joined.json").exists():
        return
    restore(job)
    job.check()
    for stale in job.folder.glob("partial-*"):  # of processes that are no more: whoever holds the lock began alone
        remove(stale)
    done = sum(record.frames for segment in job.segments if (record := job.record_of(segment.index)) is not None)

    def frames_out(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(progress_of(waiting, done, job.plan.frames_out, time.perf_counter() - began))

    crew(job, [segment.index for segment in job.segments if job.record_of(segment.index) is None], frames_out)


def finish(job: Job, began: float | None = None) -> EnhanceResult:
    """Join the finished segments, prove the film, give it its name and remove the job's folder."""
    began = time.perf_counter() if began is None else began
    stored = read_facts(job.folder / "result.json")
    if stored is None:
        records = [job.record_of(segment.index) for segment in job.segments]
        remarks = dict.fromkeys(remark for record in records if record is not None for remark in record.remarks)
        notes = (*remarks, *job.survey.report.remarks, *join(job))
        proof = prove(job)
        stored = {"notes": notes, "checks": [asdict(check) for check in proof.checks]}
        if proof.ok:
            write_facts(job.folder / "result.json", stored)
    proof = VerifyReport(path=job.film, checks=tuple(Check(**check) for check in stored["checks"]))
    try:
        if job.film.exists():
            place(str(job.film), job.plan.target, proof)
    except VerificationError:  # the film is kept for the user to judge; doing it again would end the same way
        tidy(job)
        raise
    tidy(job)
    return EnhanceResult(
        plan=job.plan,
        output=job.plan.target,
        frames_in=job.survey.frames,
        frames_out=len(job.outcome.times),
        seconds=time.perf_counter() - began,
        notes=tuple(stored["notes"]),
        verify=proof,
    )


def tidy(job: Job) -> None:
    """Remove what only the work needed."""
    shutil.rmtree(job.folder, ignore_errors=True)


def prove(job: Job) -> VerifyReport:
    """Hold the joined film against what arithmetic on the source promises."""
    seen, dropped = job.survey, read_facts(job.folder / "joined.json") or {"dropped": []}
    record = Record(levels=seen.levels(), start=seen.time(0), end=seen.time(seen.frames), times=job.outcome.times)
    promise = expectation(record, job.info, job.plan, job.target, dropped["dropped"])
    proof = verify(job.film, promise)
    # a source that breaks off halfway can look like one that is over
    whole = equal("pictures lost while reading", 0, seen.report.undecodable)
    return replace(proof, checks=(whole, *proof.checks))


def was_placed(folder: Path, terms: dict, plan: Plan) -> bool:
    """Whether the film was given its name, and only the tidying up was cut short."""
    proven = (folder / "result.json").exists() and not (folder / f"film{plan.target.suffix}").exists()
    return proven and read_facts(folder / "job.json") == terms and plan.target.exists()


def named(message: str, job: Job) -> str:
    """The message with the target's name in place of hidden ones, and what to do."""
    message = re.sub(re.escape(str(job.folder)) + r"[/\\][^\s:]+", lambda _: str(job.plan.target), message)
    done = sum(job.record_of(segment.index) is not None for segment in job.segments)
    kept = f" {done} of {len(job.segments)} segments are kept: the same command goes on from there." if done else ""
    return message.replace(" Nothing was left of it.", kept or " Nothing was left of it.")
