"""One shot of a finished film, rendered again and put in the old one's place; every other packet is copied."""

import shutil
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from stvsr.errors import InputError, OutputError, SettingsError
from stvsr.inference import Engine, RenderReport
from stvsr.jobs.charter import charter
from stvsr.jobs.expect import Record as Seen
from stvsr.jobs.expect import expectation
from stvsr.jobs.journal import Job, identity, keep
from stvsr.jobs.place import place
from stvsr.jobs.plan import check_target, make_plan
from stvsr.jobs.provenance import metadata_with, provenance_of, settings_of
from stvsr.jobs.render import load_network_of, render_to
from stvsr.jobs.segments import Segment
from stvsr.jobs.sound import spans_of_sound
from stvsr.jobs.stages import Waiting
from stvsr.jobs.survey import survey
from stvsr.jobs.verify import VerifyReport, verify
from stvsr.video import VideoInfo, probe
from stvsr.video.container import open_container
from stvsr.video.joining import FilmJoin, facts_of_part


@dataclass(frozen=True, slots=True, kw_only=True)
class RedoResult:
    """What was done."""

    output: Path
    begin: Fraction
    end: Fraction
    """The stretch that was rendered again, in seconds of the film."""
    frames: int
    network: str
    notes: tuple[str, ...]
    verify: VerifyReport


def redo(
    film: Path,
    source: Path,
    start: Fraction,
    target: Path | None = None,
    *,
    network: str | None = None,
    weights: Path | None = None,
    overwrite: bool = False,
) -> RedoResult:
    """Render the shot that is seen at ``start`` seconds of the film again, from the film's own source.

    Settings are those that the film tells of itself, but for the network and weights given here. target: by default
    beside the film, ``holiday.x4.redo.mp4``. The stretch is longer than the shot where the film has no key frames at
    its cuts. Raises InputError where the film does not tell where it comes from or the source is another,
    SettingsError for a time outside the film.
    """
    target = target or film.with_name(f"{film.stem}.redo{film.suffix}")
    told = provenance_of(film)
    if told is None:
        raise InputError(f"{film} does not tell that stvsr made it, and with which settings. Enhance its source anew.")
    if identity(source) | {"name": None} != told["source"] | {"name": None}:
        raise InputError(f"{source} is not what {film} was made from ({told['source']['name']}). Give that file.")
    settings = replace(settings_of(film, told), overwrite=overwrite)
    if network is not None or weights is not None:
        settings = replace(settings, network=network, weights=weights)
    info, old = probe(source), probe(film)
    plan = make_plan(source, info, target, settings)
    if target.suffix.lower() != film.suffix.lower():
        raise OutputError(f"{target} must end in {film.suffix}, as {film} does: its packets are copied.")
    check_target(film, target, is_folder=False, overwrite=overwrite)
    check_target(source, target, is_folder=False, overwrite=overwrite)
    words = metadata_with(charter(source, settings, plan), film.suffix, info.metadata)
    folder = target.with_name(f".{target.name}.redo")
    folder.mkdir(exist_ok=True)
    try:
        job = Job(
            source=source,
            info=info,
            plan=replace(plan, writing=replace(plan.writing, metadata=words)),
            target=settings.target,
            survey=survey(source),
            folder=folder,
        )
        segment = stretch(job, film, start)
        part = folder / f"part{film.suffix}"
        engine = Engine(load_network_of(plan), plan.render, RenderReport())
        record = render_to(part, job, segment, engine, Waiting())
        splice(job, film, old, part, segment, record.end)
        proof = verify(job.film, promise(job, film, old))
        place(str(job.film), target, proof)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return RedoResult(
        output=target,
        begin=segment.begin,
        end=record.end,
        frames=record.frames,
        network=plan.network,
        notes=(*plan.notes, *record.remarks),
        verify=proof,
    )


def stretch(job: Job, film: Path, start: Fraction) -> Segment:
    """The shot at this time, or as many shots around it as it takes to begin and end where the film has key frames."""
    seen, slow = job.survey, job.target.slow_motion
    cuts = [*seen.shots, seen.frames]
    shown = [seen.time(0) + (seen.time(cut) - seen.time(0)) * slow for cut in cuts]
    if not shown[0] <= start < shown[-1]:
        raise SettingsError(
            f"{film} runs from {float(shown[0]):.3f} to {float(shown[-1]):.3f} s, but {float(start):.3f} s was asked "
            f"for. Give a time within."
        )
    first = bisect_right(shown, start) - 1
    stop = first + 1
    with open_container(film) as container:
        tick = container.streams.video[0].time_base or Fraction(1, 1000)
        packets = sorted((p.pts, p.is_keyframe) for p in container.demux(video=0) if p.size and p.pts is not None)

    def is_key(cut: int) -> bool:
        at = bisect_left(packets, (round(shown[cut] / tick), False))
        return at == len(packets) or packets[at][1]

    while first and not is_key(first):
        first -= 1
    while stop < len(cuts) - 1 and not is_key(stop):
        stop += 1
    return Segment(
        index=0,
        first=cuts[first],
        stop=cuts[stop],
        read_first=cuts[first],
        read_stop=cuts[stop],
        begin=shown[first],
        end=shown[stop],
        frames_out=sum(job.outcome.counts[cuts[first] : cuts[stop]]),
    )


def splice(job: Job, film: Path, old: VideoInfo, part: Path, segment: Segment, end: Fraction) -> None:
    """The old film's packets up to the stretch, the new ones, and the old ones after it; all else from the old film."""
    last = segment.stop == job.survey.frames
    over = job.survey.time(0) + (job.survey.time(job.survey.frames) - job.survey.time(0)) * job.target.slow_motion
    try:
        with open_container(film) as one, open_container(part) as other:
            if one.streams.video[0].codec_context.extradata != other.streams.video[0].codec_context.extradata:
                raise OutputError(
                    f"The encoder here begins a film otherwise than {film} begins. Enhance the source anew instead."
                )
        settings = replace(job.plan.writing, copy_streams=True)
        delay = max(facts_of_part(path)[1] for path in (film, part))
        rate = job.plan.rate
        joined = FilmJoin(job.film, film, settings, old, clock=job.plan.clock, rate=rate, delay=delay)
        try:
            if segment.first:
                joined.add(film, segment.begin, (Fraction(-1), segment.begin))
            joined.add(part, end)
            if not last:
                joined.add(film, over, (segment.end, over + 3600))
            joined.finish()
        except BaseException:
            joined.abandon()
            raise
        keep(job.film)
    except (FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{job.plan.target} could not be written: {reason}. Nothing was left of it.") from error


def promise(job: Job, film: Path, old: VideoInfo):
    """What the spliced film must hold: the source's pictures and times, and all else as in the old film."""
    seen = job.survey
    record = Seen(levels=seen.levels(), start=seen.time(0), end=seen.time(seen.frames), times=job.outcome.times)
    return replace(
        expectation(record, job.info, job.plan, job.target, ()),
        sample_aspect_ratio=old.sample_aspect_ratio,
        streams=Counter(stream.kind for stream in old.streams if stream.kind != "data"),
        sound=spans_of_sound(film, old.start_time) if old.of_kind("audio") else None,
        colour=old.colour,
    )
