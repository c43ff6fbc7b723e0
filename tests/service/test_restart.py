"""The server is killed in the midst of it all, and started again."""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from made_jobs import STUB
from stvsr.service.server import listening

HEADERS = {"Authorization": "Bearer a-token-for-tests-only"}
MOST_SECONDS = 300


@pytest.fixture(scope="module")
def starter() -> Iterator[subprocess.Popen[str]]:
    """Imports everything once for all starts."""
    command = [sys.executable, str(Path(__file__).with_name("server_to_kill.py")), *STUB]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"
        yield starter


@pytest.fixture
def server(starter: subprocess.Popen[str], tmp_path: Path) -> Iterator["Server"]:
    """Not started yet."""
    with listening("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
    server = Server(tmp_path / "service", port, starter)
    yield server
    server.kill()
    server.client.close()


def test_fifty_submissions_survive_a_server_that_is_killed_twice(server: "Server"):
    """Clients send again what was not acknowledged, under the same key; none is lost, none is done twice."""
    server.start()
    with ThreadPoolExecutor(50) as clients:
        submissions = [clients.submit(submit_until_acknowledged, server.client, number) for number in range(50)]
        for acknowledged in (15, 35):
            while sum(submission.done() for submission in submissions) < acknowledged:
                time.sleep(0.01)
            server.kill()
            server.start()
    ids = [submission.result() for submission in submissions]
    server.wait_until(lambda counts: counts["done"] == 50)
    assert {job["id"] for job in server.jobs()} == set(ids)
    for id in ids[::10]:
        assert server.client.get(f"/v1/jobs/{id}/result").content == b"0123456789"
    assert Counter(server.completions()) == Counter(ids)


def test_each_job_is_in_the_same_state_after_a_kill_as_before(server: "Server"):
    server.start()
    done, failed, *running, waiting, cancelled = (
        server.client.post(f"/v1/jobs/upload?name={what}.mp4", content=what).json()["id"]
        for what in ("nothing", "fail", "hold", "hold", "hold", "nothing", "nothing")
    )
    server.wait_until(lambda counts: (counts["done"], counts["failed"], counts["running"]) == (1, 1, 3))
    server.client.post(f"/v1/jobs/{cancelled}/cancel")
    before = {job["id"]: job["state"] for job in server.jobs()}
    assert (before[done], before[failed], before[waiting], before[cancelled]) == (
        "done", "failed", "queued", "cancelled",
    )  # fmt: skip
    server.kill()
    server.start()
    assert {job["id"]: job["state"] for job in server.jobs()} == before
    (server.folder / "go").touch()
    server.wait_until(lambda counts: counts["done"] == 5)
    assert Counter(server.completions()) == Counter([done, *running, waiting])


def submit_until_acknowledged(client: httpx.Client, number: int) -> str:
    """What a careful client does. The job's id."""
    wait = random.Random(number).uniform(0.0, 0.15)
    deadline = time.monotonic() + MOST_SECONDS
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            headers = {"Idempotency-Key": str(number)}
            answer = client.post(f"/v1/jobs/upload?name={number}.mp4", content=f"wait {wait}", headers=headers)
            assert answer.status_code in (200, 201), answer.text
            return answer.json()["id"]
        time.sleep(0.05)
    raise AssertionError(f"submission {number} was never acknowledged")


class Server:
    """The service as a process that can be killed."""

    def __init__(self, folder: Path, port: int, starter: subprocess.Popen[str]) -> None:
        self.folder, self._port, self._starter = folder, port, starter
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=HEADERS, timeout=60)

    def start(self) -> None:
        """Start, and wait until it answers."""
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(f"{self._port} {self.folder}\n")
        self._starter.stdin.flush()
        self._process = int(self._starter.stdout.readline())
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                self.client.get("/v1/health")
                return
            time.sleep(0.02)
        raise AssertionError("the service never answered")

    def kill(self) -> None:
        """At once, and wait until nothing is left of it; its children live on."""
        process = psutil.Process(self._process)
        process.kill()
        process.wait(timeout=MOST_SECONDS)

    def wait_until(self, well: Callable[[Counter], bool]) -> None:
        """``well`` takes the number of jobs in each state."""
        deadline = time.monotonic() + MOST_SECONDS
        while time.monotonic() < deadline:
            listed = self.jobs()
            if well(Counter(job["state"] for job in listed)):
                return
            time.sleep(0.05)
        raise AssertionError(f"it stays at {Counter(job['state'] for job in listed)}")

    def jobs(self) -> list[dict]:
        return self.client.get("/v1/jobs", params={"limit": 1000}).json()["jobs"]

    def completions(self) -> list[str]:
        """The jobs that a child did to the end, one line for each time."""
        return (self.folder / "completions").read_text().split()
