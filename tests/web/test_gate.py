from collections.abc import Callable

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from stvsr.web.gate import Gate

TOKEN = "a-token-for-tests-only"


def visitor(token: str | None, host: str = "127.0.0.1:7860") -> TestClient:
    app = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("within"), methods=["GET", "POST"])])
    app.add_middleware(Gate, token=token, largest={"/films": 10})  # type: ignore[arg-type]
    return TestClient(app, base_url=f"http://{host}", follow_redirects=False)


def test_a_token_that_was_shown_once_opens_the_page_from_then_on():
    visit = visitor(TOKEN, "films.example")
    assert visit.get("/").status_code == 401
    assert visit.get("/", params={"token": "guess"}).status_code == 401
    opened = visit.get("/", params={"token": TOKEN})
    assert (opened.status_code, opened.headers["location"]) == (303, "/")
    assert TOKEN not in opened.headers["set-cookie"]
    assert visit.get("/jobs").text == "within"


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (lambda visit: visit.get("/"), 200),
        (lambda visit: visit.post("/films", content=b"x", headers={"origin": "http://127.0.0.1:7860"}), 200),
        (lambda visit: visit.post("/films", content=b"x", headers={"origin": "http://evil.example"}), 401),
        (lambda visit: visit.get("/", headers={"host": "evil.example"}), 401),
        (lambda visit: visit.post("/films", content=bytes(11)), 413),
    ],
)
def test_without_a_token_only_this_machines_own_page_gets_in(ask: Callable, status: int):
    assert ask(visitor(None)).status_code == status


def test_every_answer_tells_the_browser_to_load_nothing_from_elsewhere():
    policy = visitor(None).get("/").headers["content-security-policy"]
    assert policy.startswith("default-src 'self'")
    assert "http" not in policy
