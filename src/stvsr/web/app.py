"""The page as one application: the form of ``page.py``, the routes behind it, the workers that do what is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.staticfiles import StaticFiles

from stvsr.queue import Queue, Workers
from stvsr.service.refusals import install
from stvsr.service.settings import ServiceSettings
from stvsr.web.desk import Desk
from stvsr.web.gate import Gate
from stvsr.web.page import HEAD, THEME, make_page
from stvsr.web.previews import Previews
from stvsr.web.routes import film_routes, job_routes, preview_routes

PARTS = Path(__file__).parent / "parts"


def make_app(settings: ServiceSettings, queue: Queue, previews_queue: Queue) -> FastAPI:
    """The page as an ASGI application. Its workers run from startup to shutdown; the queues stay the caller's."""
    desk = Desk(settings.folder / "films", queue)
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
