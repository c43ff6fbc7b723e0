"""What a client sees: submit, watch, cancel, fetch, delete; and every "no" as one JSON object."""

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

UNICODE = "Größe 大きい: été.mp4"


def refused(answer: httpx.Response, status: int, kind: str) -> str:
    """The message, once the answer is known to be this refusal."""
    assert (answer.status_code, answer.json()["error"]["kind"]) == (status, kind), answer.text
    assert "Traceback" not in answer.text
    return answer.json()["error"]["message"]


def wait_until(well: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not well():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def upload(client: httpx.Client, what: str = "nothing", **options: object) -> httpx.Response:
    return client.post("/v1/jobs/upload", params={"name": "film.mp4", **options}, content=what.encode())


def test_an_uploaded_film_is_enhanced_listed_fetched_and_deleted(client: httpx.Client, finished: Callable):
    submitted = client.post("/v1/jobs/upload", params={"name": UNICODE, "scale": 2}, content=b"nothing")
    assert submitted.status_code == 201
    job = finished(submitted.json()["id"])
    assert (job["state"], job["name"], job["origin"], job["order"]["scale"]) == ("done", UNICODE, "upload", 2)
    assert job["result"]["frames_out"] == 10
    assert job["created"] <= job["started"] <= job["finished"]
    assert [listed["id"] for listed in client.get("/v1/jobs", params={"state": "done"}).json()["jobs"]] == [job["id"]]
    result = client.get(f"/v1/jobs/{job['id']}/result")
    assert (result.status_code, result.content) == (200, b"0123456789")
    assert result.headers["content-type"] == "video/mp4"
    assert "filename*=utf-8''Gr%C3%B6%C3%9Fe%20" in result.headers["content-disposition"]
    assert client.delete(f"/v1/jobs/{job['id']}").status_code == 204
    refused(client.get(f"/v1/jobs/{job['id']}"), 404, "NoSuchJobError")
    assert client.get("/v1/jobs").json() == {"jobs": [], "next": None}


def test_a_result_comes_in_the_parts_that_are_asked_for(client: httpx.Client, finished: Callable):
    job = finished(upload(client).json()["id"])
    result = f"/v1/jobs/{job['id']}/result"
    part = client.get(result, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    refused(client.get(result, headers={"Range": "bytes=20-"}), 416, "RequestedRangeNotSatisfiable")
    refused(client.get(result, headers={"Range": "chapters=1"}), 400, "BadRequest")


def test_the_history_comes_page_by_page_newest_first(client: httpx.Client):
    ids = [upload(client).json()["id"] for _ in range(5)]
    seen, before = [], None
    while True:
        page = client.get("/v1/jobs", params={"limit": 2} | ({"before": before} if before else {})).json()
        seen += [job["id"] for job in page["jobs"]]
        if (before := page["next"]) is None:
            break
    assert seen == ids[::-1]


def test_a_job_that_is_not_done_has_no_result_and_cannot_be_deleted(client: httpx.Client, finished: Callable):
    running = [upload(client, "forever").json()["id"] for _ in range(2)]
    waiting = upload(client).json()["id"]  # both workers are busy
    for id in (running[0], waiting):
        refused(client.get(f"/v1/jobs/{id}/result"), 409, "JobError")
        refused(client.delete(f"/v1/jobs/{id}"), 409, "JobError")
    assert client.post(f"/v1/jobs/{waiting}/cancel").json()["state"] == "cancelled"
    for id in running:
        assert client.post(f"/v1/jobs/{id}/cancel").status_code == 202
        assert finished(id)["state"] == "cancelled"
    refused(client.post(f"/v1/jobs/{waiting}/cancel"), 409, "JobError")


def test_a_failed_job_tells_why(client: httpx.Client, finished: Callable):
    job = finished(upload(client, "fail").json()["id"])
    assert (job["state"], job["error"]["kind"]) == ("failed", "InputError")
    assert job["error"]["message"].endswith("is not a film.")


def test_the_same_submission_sent_again_is_the_same_job(client: httpx.Client, tmp_path: Path):
    film = tmp_path / "films" / "film.mp4"
    film.write_text("nothing")
    headers = {"Idempotency-Key": "holiday, once"}
    by_upload = [client.post("/v1/jobs/upload?name=a.mp4", content=b"x", headers=headers) for _ in range(2)]
    by_path = client.post("/v1/jobs", json={"path": str(film)}, headers=headers)
    assert [answer.status_code for answer in (*by_upload, by_path)] == [201, 200, 200]
    assert len({answer.json()["id"] for answer in (*by_upload, by_path)}) == 1


@pytest.mark.parametrize("shown", [None, "Bearer wrong", "Bearer", "Basic a-token-for-tests-only", "Bearer Größe"])
@pytest.mark.parametrize("way", ["/v1/jobs", "/v1/jobs/upload?name=a.mp4", "/nowhere"])
def test_without_the_token_nobody_gets_further_than_the_door(client: httpx.Client, shown: str | None, way: str):
    del client.headers["Authorization"]
    headers = {} if shown is None else {"Authorization": shown.encode()}
    for answer in (client.get(way, headers=headers), client.post(way, headers=headers, content=b"x")):
        assert "Authorization: Bearer" in refused(answer, 401, "TokenError")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/v1/health").json() == {"ok": True}


def test_where_no_token_is_asked_for_web_pages_stay_outside(serve: Callable[..., httpx.Client]):
    client = serve(token=None)
    assert client.get("/v1/jobs").status_code == 200
    refused(client.get("/v1/jobs", headers={"Origin": "http://elsewhere.example"}), 401, "TokenError")
    refused(client.get("/v1/jobs", headers={"Host": "elsewhere.example"}), 401, "TokenError")


@pytest.mark.parametrize("announced", [True, False], ids=["with Content-Length", "without"])
def test_an_upload_that_is_too_large_is_refused_and_leaves_nothing(
    client: httpx.Client, tmp_path: Path, announced: bool
):
    def pieces() -> Iterator[bytes]:
        for _ in range(40):
            yield bytes(2**16)

    content = bytes(40 * 2**16) if announced else pieces()
    answer = client.post("/v1/jobs/upload?name=film.mp4", content=content)
    assert "--max-upload" in refused(answer, 413, "TooLargeError")
    assert list((tmp_path / "service" / "jobs").iterdir()) == []
    refused(client.post("/v1/jobs", content=bytes(2**17)), 413, "TooLargeError")


def test_an_upload_that_breaks_off_leaves_nothing(client: httpx.Client, tmp_path: Path):
    jobs = tmp_path / "service" / "jobs"
    with socket.create_connection((client.base_url.host, client.base_url.port)) as line:
        head = f"Host: x\r\nAuthorization: {client.headers['Authorization']}\r\nContent-Length: 1000"
        line.sendall(f"POST /v1/jobs/upload?name=film.mp4 HTTP/1.1\r\n{head}\r\n\r\n".encode() + bytes(10))
        wait_until(lambda: list(jobs.iterdir()) != [])
    wait_until(lambda: list(jobs.iterdir()) == [])
    assert client.get("/v1/jobs").json()["jobs"] == []


def test_where_the_disk_is_full_the_client_is_told_before_it_sends(serve: Callable[..., httpx.Client], tmp_path: Path):
    client = serve(keep_free=2**60)
    (tmp_path / "films" / "film.mp4").write_text("nothing")
    assert "GiB are needed" in refused(upload(client), 507, "DiskFullError")
    refused(client.post("/v1/jobs", json={"path": str(tmp_path / "films" / "film.mp4")}), 507, "DiskFullError")
    assert list((tmp_path / "service" / "jobs").iterdir()) == []


def test_a_film_in_an_allowed_folder_is_enhanced_where_it_lies(
    client: httpx.Client, finished: Callable, tmp_path: Path
):
    film = tmp_path / "films" / UNICODE
    film.write_text("nothing")
    (tmp_path / "films" / "link").symlink_to(film)
    for path in (film, tmp_path / "films" / "link", tmp_path / "films" / ".." / "films" / UNICODE):
        job = finished(client.post("/v1/jobs", json={"path": str(path)}).json()["id"])
        assert (job["state"], job["name"], job["origin"]) == ("done", UNICODE, "path")
        client.delete(f"/v1/jobs/{job['id']}")
    assert film.exists()


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "{films}/../secret", "{films}/link", "{films}/linked/secret", "{films}2/secret", "secret", "~/x",
     "{films}/loop", "{films}/nul\0", "/" + 4000 * "x"],
)  # fmt: skip
def test_nothing_outside_the_allowed_folders_is_read_or_told_of(client: httpx.Client, tmp_path: Path, path: str):
    films = tmp_path / "films"
    (tmp_path / "secret").write_text("nothing")
    (tmp_path / "films2").mkdir()
    (tmp_path / "films2" / "secret").write_text("nothing")
    (films / "link").symlink_to(tmp_path / "secret")
    (films / "linked").symlink_to(tmp_path)
    (films / "loop").symlink_to(films / "loop")
    body = json.dumps({"path": path.replace("{films}", str(films))})
    answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
    assert "is not inside a folder" in refused(answer, 403, "PathError")
    assert client.get("/v1/jobs").json()["jobs"] == []


@pytest.mark.parametrize("path", ["missing.mp4", "fifo", 4 * ("x" * 250 + "/")])
def test_a_missing_or_strange_file_inside_is_told(client: httpx.Client, tmp_path: Path, path: str):
    os.mkfifo(tmp_path / "films" / "fifo")
    answer = client.post("/v1/jobs", json={"path": f"{tmp_path}/films/{path}"})
    assert "There is no film" in refused(answer, 422, "InputError")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": 99}, "scale: Input should be less than or equal to 8"),
        ({"network": "nonesuch"}, "network: Input should be 'bicubic'"),
        ({"times": 2, "fps": "60"}, "times and fps contradict each other"),
        ({"overwrite": True}, "overwrite: Extra inputs are not permitted"),
        ({"codec": "prores"}, ".mp4 cannot hold prores"),
        ({"name": ""}, "name: String should have at least 1 character"),
    ],
)
def test_options_are_checked_like_those_of_the_command(client: httpx.Client, options: dict, message: str):
    assert message in refused(upload(client, **options), 422, "OutputError" if "codec" in options else "SettingsError")


def test_other_mistakes_are_told_in_the_same_form(client: httpx.Client):
    refused(client.post("/v1/jobs/upload?name=a.mp4"), 422, "InputError")
    refused(client.post("/v1/jobs", content=b"{"), 422, "SettingsError")
    for half in ('{"path": "\\ud800"}', '{"path": "x", "\\ud800": 1}'):  # of a character, which UTF-8 does not have
        refused(
            client.post("/v1/jobs", content=half, headers={"Content-Type": "application/json"}), 422, "SettingsError"
        )
    refused(client.get("/v1/nowhere"), 404, "NotFound")
    refused(client.put("/v1/jobs"), 405, "MethodNotAllowed")
    refused(client.get("/v1/jobs/..%2f..%2ftoken"), 404, "NotFound")
    refused(client.get("/v1/jobs/token"), 422, "SettingsError")
