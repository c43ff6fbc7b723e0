"""The routes behind the page: films in, jobs and their progress, films out. The form itself is in ``page.py``."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path as FilePath
from typing import Annotated, Any

import gradio as gr
from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from stvsr.errors import InputError, JobError, NoSuchJobError
from stvsr.queue import Job, Queue, State, Workers
from stvsr.queue.store import new_id
from stvsr.service.answers import JobFacts, JobList
from stvsr.service.app import FILMS, RangedFile
from stvsr.service.refusals import install
from stvsr.service.settings import ServiceSettings
from stvsr.service.sources import receive
from stvsr.video import probe
from stvsr.web.desk import Desk
from stvsr.web.gate import Gate
from stvsr.web.page import HEAD, THEME, make_page
from stvsr.web.previews import Previews, draw_profile

PARTS = FilePath(__file__).parent / "parts"
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]


def make_app(settings: ServiceSettings, queue: Queue, previews_queue: Queue) -> FastAPI:
    """The page as an ASGI application. Its workers run from startup to shutdown; the queues stay the caller's."""
    desk = Desk(settings.folder / "films")
    workers = Workers(queue, settings.command, count=settings.workers)
    preview_workers = Workers(previews_queue, settings.command)
    previews = Previews(previews_queue, preview_workers)

    @asynccontextmanager
    async def work(_: FastAPI) -> AsyncIterator[None]:
        desk.sweep()
        await run_in_threadpool(workers.start)
        await run_in_threadpool(preview_workers.start)
        yield
        await run_in_threadpool(workers.stop)
        await run_in_threadpool(preview_workers.stop)

    app = FastAPI(title="stvsr", docs_url=None, redoc_url=None, openapi_url=None, lifespan=work)
    app.add_middleware(Gate, token=settings.token, largest={"/films": settings.max_upload})
    install(app)
    app.include_router(film_routes(settings, desk, previews))
    app.include_router(job_routes(queue, workers))
    app.include_router(preview_routes(previews_queue))
    app.mount("/parts", StaticFiles(directory=PARTS))
    return gr.mount_gradio_app(
        app,
        make_page(desk, queue, workers, previews, max_upload=settings.max_upload),
        path="/",
        ssr_mode=False,
        footer_links=[],
        run_history=False,
        max_file_size=1,  # films come in through our own door
        theme=THEME,
        head=HEAD,
        favicon_path=str(PARTS / "icon.svg"),
    )


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
        job = finished(queue, id)
        ending = job.target.suffix
        name = f"{FilePath(job.name).stem}.enhanced{ending}"
        return RangedFile(
            job.target,
            media_type=FILMS[ending],
            filename=name,
            content_disposition_type="attachment" if download else "inline",
        )

    return jobs


def finished(queue: Queue, id: str) -> Job:
    """Raises JobError where it is not done, NoSuchJobError where its result is gone."""
    job = queue.job(id)
    if job.state is not State.DONE:
        raise JobError(f"This job is {job.state}; only a job that is done has a result.")
    if not job.target.exists():
        raise NoSuchJobError("The result is no longer on the disk. Run the job again.")
    return job


def picture_of(film: FilePath, moment: FilePath) -> FileResponse:
    """A film's temporal profile, drawn when it is first asked for."""
    target = film.with_suffix(".png")
    if not target.exists():
        part = target.with_name(f".{new_id()}.part")
        draw_profile(film, part, moment)
        part.replace(target)
    return FileResponse(target, media_type="image/png")
