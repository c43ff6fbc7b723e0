"""The routes without the form, and without a browser."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from made_clips import make_film
from stvsr.queue import Order, Queue, Workers
from stvsr.service.refusals import install
from stvsr.service.settings import ServiceSettings
from stvsr.web.desk import Desk
from stvsr.web.previews import Previews
from stvsr.web.routes import film_routes, job_routes


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    with closing(Queue(tmp_path / "site")) as queue:
        yield queue


@pytest.fixture
def visit(queue: Queue, tmp_path: Path) -> Callable[..., TestClient]:
    def visit(keep_free: int = 0) -> TestClient:
        app, workers = FastAPI(), Workers(queue)
        settings = ServiceSettings(folder=tmp_path / "site", token=None, keep_free=keep_free)
        install(app)
        app.include_router(film_routes(settings, Desk(queue.folder / "films", queue), Previews(queue, workers)))
        app.include_router(job_routes(queue, workers))
        return TestClient(app)

    return visit


def test_a_full_disk_is_said_and_nothing_is_left_of_the_film(visit: Callable[..., TestClient], queue: Queue):
    answer = visit(keep_free=2**60).post("/films", params={"name": "holiday.mp4"}, content=b"film")
    assert answer.status_code == 507
    assert "free" in answer.json()["error"]["message"]
    assert list((queue.folder / "films").iterdir()) == []


def test_a_job_keeps_its_film_when_the_desk_is_cleared_and_gives_it_back(
    visit: Callable[..., TestClient], queue: Queue, tmp_path: Path
):
    film = make_film(tmp_path / "Größe.mp4", count=2)
    id = visit().post("/films", params={"name": film.name}, content=film.read_bytes()).json()["film"]
    desk = Desk(queue.folder / "films", queue)
    job = desk.submit(desk.film(id), Order())
    desk.remove(desk.film(id))
    assert visit().get(f"/jobs/{job.id}/source").content == film.read_bytes()
    assert (desk.film(job.id).name, desk.film(job.id).path) == (film.name, job.source)


def test_a_result_that_is_not_there_yet_is_refused(visit: Callable[..., TestClient], queue: Queue, tmp_path: Path):
    film = make_film(tmp_path / "film.mp4", count=2)
    job = queue.submit(Order(), name=film.name, source=film)
    answer = visit().get(f"/jobs/{job.id}/result")
    assert (answer.status_code, answer.json()["error"]["kind"]) == (409, "JobError")
