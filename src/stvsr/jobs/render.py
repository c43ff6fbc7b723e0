"""One segment of a job, from the source's frames to a finished file.

read ─ thread ─> render (here) ─> resize ─ thread ─> to YUV ─ thread ─> encode ─> on disk, checked, named
"""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from stvsr.clip import Frame
from stvsr.errors import VerificationError
from stvsr.inference import Engine, RenderReport, render_part
from stvsr.jobs.journal import Job, Record, measure
from stvsr.jobs.plan import Plan
from stvsr.jobs.segments import Segment
from stvsr.jobs.stages import Waiting, read_ahead, write_behind
from stvsr.networks import Network
from stvsr.ops.resize import resize_to
from stvsr.ops.streams import settled
from stvsr.video import VideoWriter
from stvsr.video.deinterlace import CONTEXT, deinterlaced
from stvsr.video.index import frames_between
from stvsr.video.joining import facts_of_part
from stvsr.video.pixels import to_rgb
from stvsr.weights.catalog import load_network

READ_AHEAD, WRITE_BEHIND = 8, 3
"""How many frames wait between the threads; those read are small, those written large."""


def render_segment(
    job: Job,
    index: int,
    engine: Engine | None = None,
    *,
    waiting: Waiting | None = None,
    on_frame: Callable[[], None] | None = None,
) -> None:
    """Render one segment and take it into the journal. Does nothing where that is done already.

    engine: ``make_engine(job)``, to share it between segments. waiting: filled in with what the work waited for.
    on_frame: called for every frame out. Raises STVSRError; the segment is then not finished, and can be tried again.
    """
    if job.record_of(index) is not None:
        return
    engine = engine or make_engine(job)
    earlier = job.record_of(index - 1) if index else None
    if earlier is not None and earlier.tile is not None and engine.tile is not None:
        engine.tile = min(engine.tile, earlier.tile)  # memory ran out before
    # a name of our own: a machine that was given up for lost may still be writing the same segment
    partial = job.folder / f"partial-{index:05d}-{socket.gethostname()}-{os.getpid()}{job.suffix}"
    job.publish(index, partial, render_to(partial, job, job.segments[index], engine, waiting or Waiting(), on_frame))


def render_to(
    path: Path,
    job: Job,
    segment: Segment,
    engine: Engine,
    waiting: Waiting,
    on_frame: Callable[[], None] | None = None,
) -> Record:
    """Render a stretch of the film into a file (or folder) of its own, and look at what has become of it."""
    began, end = time.perf_counter(), segment.end
    engine.report = RenderReport()
    remove(path)
    settings = replace(job.plan.writing, copy_streams=False, overwrite=True, metadata={})
    place = f"{path}/" if job.plan.is_folder else path
    with (
        VideoWriter(place, settings, job.info, time_base=job.plan.clock, rate=job.plan.rate) as writer,
        closing(read_ahead(frames_of(job, segment), depth=READ_AHEAD, waiting=waiting)) as frames,
    ):

        def finished() -> Iterator[Frame]:
            nonlocal end
            own = (segment.begin, segment.end)
            for frame in render_part(engine, frames, job.target, start=job.survey.time(0), own=own):
                end = frame.time + frame.duration
                yield resized(frame, job.plan)
                if on_frame is not None:
                    on_frame()

        write_behind(finished(), writer.prepare, writer.put, depth=WRITE_BEHIND, waiting=waiting)
    size = measure(path)
    packets, delay = (len(list(path.iterdir())), 0) if job.plan.is_folder else facts_of_part(path)
    if size is None or packets != segment.frames_out:
        raise VerificationError(
            f"The frames {segment.first} to {segment.stop - 1} of {job.source} became {packets} pictures where "
            f"{segment.frames_out} are due. Run it again; if that does not help, report it."
        )
    return Record(
        frames=packets,
        bytes=size[0],
        sha256=size[1],
        end=end,
        delay=delay,
        tile=engine.tile,
        seconds=time.perf_counter() - began,
        remarks=tuple(engine.report.remarks),
        dropped=tuple(writer.dropped),
    )


def make_engine(job: Job) -> Engine:
    """The job's network on its device. Random weights, where they are allowed, are the same in every process."""
    return Engine(load_network_of(job.plan), job.plan.render, RenderReport())


def load_network_of(plan: Plan) -> Network:
    """The network that the plan names, filled."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(0)
        return load_network(
            plan.network, plan.network_scale, weights=plan.weights, allow_untrained=plan.allow_untrained
        )


def frames_of(job: Job, segment: Segment) -> Iterator[Frame]:
    """The source's frames that a segment looks at, with the times and cuts that the survey found."""
    seen, first, stop = job.survey, segment.read_first, segment.read_stop
    around = CONTEXT if job.plan.deinterlace else 0
    read_first, read_stop = max(0, first - around), min(seen.frames, stop + around)
    pictures = frames_between(job.source, job.info, seen.index, read_first, read_stop)
    if job.plan.deinterlace:
        pictures = islice(deinterlaced(pictures), first - read_first, stop - read_first)
    for number, picture in enumerate(pictures, start=first):
        yield Frame(
            image=to_rgb(picture, job.info.colour),
            time=seen.time(number),
            duration=seen.time(number + 1) - seen.time(number),
            starts_shot=number in seen.first_frames,
        )


def resized(frame: Frame, plan: Plan) -> Frame:
    """The frame in the size that the plan promises; the network's own scale may differ from it."""
    width, height = plan.size
    if frame.image.shape[-2:] == (height, width):
        return frame
    return replace(frame, image=settled(resize_to(frame.image, height, width).clamp(0, 1)))


def remove(path: Path) -> None:
    """A file or a folder that was left half done."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
