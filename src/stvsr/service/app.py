"""The endpoints. Each request is over in a moment; the work is done by the queue's workers."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Query, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from fastapi.security import HTTPBearer

from stvsr import __version__
from stvsr.queue import Queue, State, Workers
from stvsr.queue.store import new_id
from stvsr.service.answers import FilmInFolder, Health, JobFacts, JobList, UploadedFilm
from stvsr.service.films import FILM, FILMS, Id, film_of, finished
from stvsr.service.gate import Gate
from stvsr.service.refusals import answers, install
from stvsr.service.settings import ServiceSettings
from stvsr.service.sources import check_room, confined, plain_name, receive, safe_ending

UPLOAD = "/v1/jobs/upload"
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Your own name for this submission. Sent again with the same key, as after an answer that got "
        "lost, it returns the job that is there already.",
    ),
]


def make_app(settings: ServiceSettings, queue: Queue) -> FastAPI:
    """The service as an ASGI application. Its workers run from startup to shutdown; the queue stays the caller's."""
    workers = Workers(queue, settings.command, count=settings.workers)

    @asynccontextmanager
    async def work(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(workers.start)
        yield
        await run_in_threadpool(workers.stop)

    app = FastAPI(
        title="stvsr",
        version=__version__,
        description="Make films larger and smoother. `docs/service.md` is the guide.",
        docs_url=None,  # its pages are loaded from elsewhere, and this must work offline
        redoc_url=None,
        lifespan=work,
    )
    app.add_middleware(Gate, token=settings.token, largest={UPLOAD: settings.max_upload})
    install(app)
    shown = [] if settings.token is None else [Security(HTTPBearer(auto_error=False, description="The token."))]
    jobs = APIRouter(prefix="/v1/jobs", tags=["jobs"], dependencies=shown, responses=answers(401, 422))

    @app.get("/v1/health", tags=["service"], responses=answers(422))
    def health() -> Health:
        """Whether the service answers. Needs no token."""
        return Health(ok=True)

    @jobs.post("", status_code=201, responses={200: {"model": JobFacts}} | answers(400, 403, 413, 507))
    def submit_path(film: FilmInFolder, response: Response, key: Key = None) -> JobFacts:
        """Enhance a film that lies in a folder which the service was allowed to read."""
        if (known := queue.job_of_key(key)) is not None:
            response.status_code = 200
            return JobFacts.of(known)
        source = confined(film.path, settings.allow)
        check_room(queue.folder, settings.keep_free)
        job = queue.submit(film, name=source.name, source=source, key=key)
        workers.wake()
        return JobFacts.of(job)

    @jobs.post(
        UPLOAD.removeprefix(jobs.prefix),
        status_code=201,
        responses={200: {"model": JobFacts}} | answers(400, 413, 507),
        openapi_extra={"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": FILM}}}},
    )
    async def submit_upload(
        film: Annotated[UploadedFilm, Query()], request: Request, response: Response, key: Key = None
    ) -> JobFacts:
        """Enhance the film that is this request's body, as it is; options go into the address."""
        if (known := await run_in_threadpool(queue.job_of_key, key)) is not None:
            response.status_code = 200
            return JobFacts.of(known)
        id, name = new_id(), plain_name(film.name)
        film.ending(name)  # refuses now what no container can hold, not after hours of uploading
        folder = queue.folder_of(id)
        folder.mkdir()
        try:
            source = folder / f"source{safe_ending(name)}"
            await receive(request, source, keep_free=settings.keep_free)
            job = await run_in_threadpool(queue.submit, film, name=name, source=source, id=id, key=key)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        workers.wake()
        return JobFacts.of(job)

    @jobs.get("")
    def list_jobs(
        state: Annotated[State | None, Query(description="Only jobs in this state.")] = None,
        before: Annotated[
            int | None, Query(ge=1, le=2**63 - 1, description="The `next` of the page before this one.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> JobList:
        """All jobs that were not deleted, the newest first."""
        found = queue.jobs(state=state, before=before, limit=limit)
        return JobList(
            jobs=[JobFacts.of(job) for job in found],
            next=found[-1].number if len(found) == limit else None,
        )

    @jobs.get("/{id}", responses=answers(404))
    def see_job(id: Id) -> JobFacts:
        """One job, and how far it is."""
        return JobFacts.of(queue.job(id))

    @jobs.post("/{id}/cancel", status_code=202, responses=answers(404, 409))
    def cancel_job(id: Id) -> JobFacts:
        """End a job that waits or runs. It is over when its state is `cancelled`; its files are removed."""
        job = queue.cancel(id)
        workers.wake()
        return JobFacts.of(job)

    @jobs.delete("/{id}", status_code=204, responses=answers(404, 409))
    def delete_job(id: Id) -> None:
        """Forget a job that is over, and remove its files."""
        queue.delete(id)

    @jobs.get(
        "/{id}/result",
        response_class=FileResponse,
        responses={
            code: {"description": what, "content": {kind: {"schema": FILM} for kind in FILMS.values()}}
            for code, what in ((200, "The film."), (206, "The part of it that `Range` asked for."))
        }
        | answers(400, 404, 409, 416),
    )
    def fetch_result(id: Id) -> Response:
        """The finished film, whole or in ranges."""
        return film_of(finished(queue, id))

    app.include_router(jobs)
    return app
