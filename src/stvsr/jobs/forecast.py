"""What a job will take on this machine: windows, tiles, memory, time and disk."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from stvsr.errors import InputError
from stvsr.inference import Engine, RenderReport
from stvsr.inference.memory import LIVE_MAPS, frames_that_fit
from stvsr.inference.tiles import spans
from stvsr.inference.windows import borders
from stvsr.jobs.calibration import seconds_per_pixel
from stvsr.jobs.findings import findings
from stvsr.jobs.journal import Job
from stvsr.jobs.plan import EnhanceSettings, Plan, check_target, make_plan
from stvsr.jobs.render import READ_AHEAD, WRITE_BEHIND, load_network_of
from stvsr.jobs.survey import survey
from stvsr.video import probe
from stvsr.video.codecs import CODECS

BITS_PER_PIXEL = {"h264": 0.12, "hevc": 0.08, "av1": 0.06, "ffv1": 8.0, "prores": 4.0}
"""Of typical films at the default quality; h264 and the like spread from a third to three times of it."""
FILM_CODECS = {".webm": "av1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What to expect."""

    segments: int
    shots: int
    frames_in: int
    frames_out: int
    windows: int
    tiles: int
    """For each frame."""
    tile: int
    """Edge in input pixels."""
    device: str
    precision: str
    memory_bytes: int
    """Of features and frames, at most; the programs themselves take some 400 MB more."""
    seconds: float
    """Of computing; reading and writing run beside it."""
    disk_bytes: int
    """The finished film, roughly; the work needs at most a fifth more."""
    findings: tuple[str, ...]
    """What the source has, and the option that answers it."""


def foresee(source: str | Path, target: str | Path | None, settings: EnhanceSettings) -> tuple[Plan, Forecast]:
    """What ``enhance`` with the same arguments would do, and what it would take. Reads the source from start to end.

    Raises STVSRError where ``enhance`` would refuse at once, and InputError for a pipe.
    """
    if "-" in (str(source), str(target)):
        raise InputError("A film that comes from a pipe or goes into one cannot be planned. Give files.")
    source = Path(source)
    info = probe(source)
    plan = make_plan(source, info, target, settings)
    check_target(source, plan.target, is_folder=plan.is_folder, overwrite=settings.overwrite)
    seen = survey(source)
    job = Job(source=source, info=info, plan=plan, target=settings.target, survey=seen, folder=plan.target.parent)
    job.plan = replace(plan, frames_out=len(job.outcome.times))
    return job.plan, forecast(job, findings(source, info, seen))


def forecast(job: Job, found: tuple[str, ...]) -> Forecast:
    """Foresee a job that has been planned and surveyed. Takes seconds the first time."""
    engine = Engine(load_network_of(job.plan), job.plan.render, RenderReport())
    height, width, tile = job.info.height, job.info.width, job.plan.render.tile or 0
    across, down = (spans(length, tile, engine.spec) for length in (width, height))
    area = (across[0].stop - across[0].start) * (down[0].stop - down[0].start)
    pairs = zip(job.survey.shots, [*job.survey.shots[1:], job.survey.frames], strict=True)
    frames_out, tiles = len(job.outcome.times), len(across) * len(down)
    pace = seconds_per_pixel(job.plan, area, ceil(Fraction(frames_out, job.survey.frames)))
    return Forecast(
        segments=len(job.segments),
        shots=len(job.survey.shots),
        frames_in=job.survey.frames,
        frames_out=frames_out,
        windows=sum(1 + len(list(borders(stop - first, job.plan.layout))) for first, stop in pairs),
        tiles=tiles,
        tile=tile,
        device=job.plan.render.device,
        precision=job.plan.render.precision,
        memory_bytes=memory(job, engine, area),
        seconds=pace * area * tiles * frames_out,
        disk_bytes=disk(job, frames_out),
        findings=found,
    )


def memory(job: Job, engine: Engine, area: int) -> int:
    """Features of one tile, and the frames that wait between the stages, in fp32."""
    widest = max((p.shape[0] for p in engine.network.parameters() if p.ndim > 1), default=3)
    scale, frame_in = engine.spec.scale, 12 * job.info.width * job.info.height
    parts = frames_that_fit(job.info.height, job.info.width, scale, engine.device)
    features = 4 * area * (LIVE_MAPS * widest + 4 * 3 * scale**2) * (job.plan.layout.length + parts)
    frame_out = 12 * job.plan.size[0] * job.plan.size[1]
    return features + frame_in * (READ_AHEAD + job.plan.layout.length) + frame_out * (2 * parts + WRITE_BEHIND)


def disk(job: Job, frames_out: int) -> int:
    """Roughly, for a film; pictures are taken to shrink by half."""
    width, height = job.plan.size
    if job.plan.is_folder:
        return frames_out * width * height * 3 // 2
    codec = job.plan.writing.codec or FILM_CODECS.get(job.plan.target.suffix.lower(), "h264")
    return int(frames_out * width * height * BITS_PER_PIXEL[CODECS[codec].stored] / 8)
