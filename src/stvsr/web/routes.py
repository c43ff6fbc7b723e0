"""Films in, jobs and their progress, films out."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from stvsr.errors import InputError, NoSuchJobError
from stvsr.queue import Queue, Workers
from stvsr.queue.store import new_id
from stvsr.service.answers import JobFacts, JobList
from stvsr.service.films import FILMS, Id, RangedFile, film_of, finished
from stvsr.service.settings import ServiceSettings
from stvsr.service.sources import receive
from stvsr.video import probe
from stvsr.web.desk import Desk
from stvsr.web.previews import Previews, draw_profile


def film_routes(settings: ServiceSettings, desk: Desk, previews: Previews) -> APIRouter:
    """Films on the desk, and their previews."""
    films = APIRouter(prefix="/films")

    @films.post("", status_code=201)
    async def drop(request: Request, name: Annotated[str, Query(min_length=1, max_length=255)]) -> dict[str, str]:
        """Take the film that is this request's body, if it is one."""
        film = desk.place(name)
        try:
            await receive(request, film.path, keep_free=settings.keep_free)
            await run_in_threadpool(probe, film.path)
        except InputError as error:
            desk.remove(film)
            raise InputError(str(error).replace(str(film.path), film.name)) from error
        except BaseException:
            desk.remove(film)
            raise
        return {"film": film.id}

    @films.get("/{id}/preview")
    def preview(id: Id) -> dict[str, Any]:
        return previews.state(desk.film(id))

    @films.post("/{id}/preview/cancel", status_code=202)
    def cancel_preview(id: Id) -> dict[str, Any]:
        previews.cancel(desk.film(id))
        return previews.state(desk.film(id))

    @films.get("/{id}/moment")
    def moment(id: Id) -> Response:
        return RangedFile(desk.film(id).moment, media_type="video/mp4")

    @films.get("/{id}/profile")
    def profile(id: Id) -> Response:
        moment = desk.film(id).moment
        return picture_of(moment, moment)

    return films


def preview_routes(queue: Queue) -> APIRouter:
    """What the networks made of a moment."""
    previews = APIRouter(prefix="/previews")

    @previews.get("/{id}/result")
    def result(id: Id) -> Response:
        return RangedFile(finished(queue, id).target, media_type="video/mp4")

    @previews.get("/{id}/profile")
    def profile(id: Id) -> Response:
        job = finished(queue, id)
        return picture_of(job.target, job.source)

    return previews


def job_routes(queue: Queue, workers: Workers) -> APIRouter:
    """Whole films: how far they are, and what came of them."""
    jobs = APIRouter(prefix="/jobs")

    @jobs.get("")
    def list_jobs(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> JobList:
        return JobList(jobs=[JobFacts.of(job) for job in queue.jobs(limit=limit)], next=None)

    @jobs.get("/{id}")
    def see(id: Id) -> JobFacts:
        return JobFacts.of(queue.job(id))

    @jobs.post("/{id}/cancel", status_code=202)
    def cancel(id: Id) -> JobFacts:
        job = queue.cancel(id)
        workers.wake()
        return JobFacts.of(job)

    @jobs.delete("/{id}", status_code=204)
    def delete(id: Id) -> None:
        queue.delete(id)

    @jobs.get("/{id}/source")
    def source(id: Id) -> Response:
        job = queue.job(id)
        if not job.source.is_file():
            raise NoSuchJobError(f"{job.name} is not here any more. Drop it again.")
        return RangedFile(job.source, media_type=FILMS.get(job.source.suffix, "application/octet-stream"))

    @jobs.get("/{id}/result")
    def result(id: Id, download: bool = False) -> Response:
        return film_of(finished(queue, id), "attachment" if download else "inline")

    return jobs


def picture_of(film: Path, moment: Path) -> FileResponse:
    """A film's temporal profile, drawn when it is first asked for."""
    target = film.with_suffix(".png")
    if not target.exists():
        part = target.with_name(f".{new_id()}.part")
        draw_profile(film, part, moment)
        part.replace(target)
    return FileResponse(target, media_type="image/png")
