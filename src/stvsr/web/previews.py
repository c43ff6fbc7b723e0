"""The hardest two seconds of a film, by every network that is made for films: jobs of a queue of their own.

So they do not wait behind hours of work, are found again after a restart, and asked for twice, they are done once.
"""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from stvsr.data.degrade import to_bytes
from stvsr.evaluation.figures import liveliest_place, pixels, temporal_profile
from stvsr.jobs.hardest import frames, hardest_moment
from stvsr.jobs.preview import crop
from stvsr.queue import Order, Queue, State, Workers
from stvsr.queue.child import progress
from stvsr.video import VideoWriter, WriteSettings, probe, read_frames
from stvsr.web.desk import Film
from stvsr.weights.catalog import everyday_networks


class Previews:
    """Asked for by film; what became of them is read from the queue."""

    def __init__(self, queue: Queue, workers: Workers) -> None:
        self._queue, self._workers = queue, workers

    def ask(self, film: Film, order: Order) -> None:
        """Put the film's hardest moment in line, once for each network. Raises InputError for a broken film."""
        if not film.moment.exists():
            cut_out(film)
        for name in everyday_networks():
            wanted = order.model_copy(update={"network": name, "codec": "h264", "container": "mp4"})
            key = f"{film.id} {wanted.model_dump_json()}"
            known = self._queue.job_of_key(key)
            if known is not None and known.state in (State.FAILED, State.CANCELLED):
                self._queue.delete(known.id)
            self._queue.submit(wanted, name=film.id, source=film.moment, key=key)
        self._workers.wake()

    def state(self, film: Film) -> dict[str, Any]:
        """How far they are: of the order that was asked for last, a line for each network."""
        jobs = [job for job in self._queue.jobs(limit=1000) if job.name == film.id]
        newest = jobs and plain(jobs[0].order)
        lines = [
            {
                "network": job.order.network,
                "state": job.state,
                "progress": progress(job) if job.state is State.RUNNING else None,
                "error": job.error and job.error["message"],
                "seconds": job.result and job.result["seconds"],
                "film": f"previews/{job.id}/result",
                "profile": f"previews/{job.id}/profile",
            }
            for job in reversed(jobs)
            if plain(job.order) == newest
        ]
        return {
            "original": {"film": f"films/{film.id}/moment", "profile": f"films/{film.id}/profile"},
            "networks": lines,
        }

    def cancel(self, film: Film) -> None:
        """End those that wait or run."""
        for job in self._queue.jobs(limit=1000):
            if job.name == film.id and job.state in (State.QUEUED, State.RUNNING):
                self._queue.cancel(job.id)
        self._workers.wake()


def plain(order: Order) -> Order:
    """What all networks were asked for."""
    return order.model_copy(update={"network": None})


def cut_out(film: Film) -> None:
    """Write the film's hardest moment as a small film of its own, which every browser plays."""
    moment = hardest_moment(film.path)
    seen = list(crop(frames(film.path, moment.begin, moment.end)))
    height, width = (side // 2 * 2 for side in seen[0].image.shape[-2:])
    info = probe(film.path)
    source = replace(
        info, width=width, height=height, pixel_format="yuv420p", bit_depth=8, streams=(), chapters=(), metadata={}
    )
    settings = WriteSettings(codec="h264", quality=8, copy_streams=False)
    with VideoWriter(film.moment, settings, source, rate=info.average_rate) as writer:
        for frame in seen:
            writer.write(replace(frame, image=frame.image[:, :height, :width], time=frame.time - seen[0].time))


def draw_profile(film: Path, target: Path, moment: Path) -> None:
    """Write the temporal profile of a film as a picture: one column, where most moves in the moment, through time."""
    few = torch.stack([frame.image for frame in islice(read_frames(moment), 24)])
    column = liveliest_place(to_bytes(few))[0] + 0.1
    strips = [temporal_profile(to_bytes(frame.image[None]), column) for frame in read_frames(film)]
    Image.fromarray(pixels(torch.cat(strips, dim=-1))).save(target, format="PNG")
