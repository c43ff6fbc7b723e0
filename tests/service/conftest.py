"""The service in a thread of this process, with the stub in the place of ``stvsr enhance``."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn

from made_jobs import STUB
from stvsr.queue import Queue
from stvsr.service.app import make_app
from stvsr.service.server import listening
from stvsr.service.settings import ServiceSettings

TOKEN = "a-token-for-tests-only"


@pytest.fixture
def settings(tmp_path: Path) -> ServiceSettings:
    """Two workers, 1 MiB per upload, and one folder to read from."""
    (tmp_path / "films").mkdir()
    return ServiceSettings(
        folder=tmp_path / "service",
        port=0,
        token=TOKEN,
        allow=(tmp_path / "films",),
        workers=2,
        max_upload=2**20,
        keep_free=0,
        command=STUB,
    )


@pytest.fixture
def serve(settings: ServiceSettings) -> Iterator[Callable[..., httpx.Client]]:
    """``serve(keep_free=...)`` starts the service, with these settings changed; a client that holds the token."""
    opened = []

    def serve(**changes: object) -> httpx.Client:
        running = service(replace(settings, **changes))
        opened.append(running)
        return running.__enter__()

    yield serve
    for running in opened:
        running.__exit__(None, None, None)


@pytest.fixture
def client(serve: Callable[..., httpx.Client]) -> httpx.Client:
    return serve()


@contextmanager
def service(settings: ServiceSettings) -> Iterator[httpx.Client]:
    """The service, from startup to shutdown."""
    with closing(Queue(settings.folder)) as queue, listening(settings.host, 0) as door:
        server = uvicorn.Server(uvicorn.Config(make_app(settings, queue), log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        address = f"http://127.0.0.1:{door.getsockname()[1]}"
        headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
        with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
            yield client
        server.should_exit = True
        thread.join()


@pytest.fixture
def finished(client: httpx.Client) -> Callable[[str], dict]:
    """``finished(id)``: the job's facts, once it is over."""

    def finished(id: str) -> dict:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            job = client.get(f"/v1/jobs/{id}").json()
            if job["state"] in ("done", "failed", "cancelled"):
                return job
            time.sleep(0.02)
        raise AssertionError(f"job {id} never ended")

    return finished
