"""The real thing, end to end: the command `stvsr enhance` behind the command `stvsr service`."""

import re
import subprocess
import sys
import time
from pathlib import Path

import httpx

from made_clips import MADE_CLIPS
from stvsr.video import probe


def test_a_film_is_enhanced_through_the_commands_themselves(tmp_path: Path):
    film = MADE_CLIPS["plain"](tmp_path)
    command = [sys.executable, "-m", "stvsr", "service", "--folder", str(tmp_path / "service"), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        told = re.match(r"listening on (http://127.0.0.1:\d+); the token: in (.+)", service.stderr.readline())
        assert told is not None
        token = Path(told[2]).read_text().strip()
        assert Path(told[2]).stat().st_mode & 0o077 == 0
        with httpx.Client(base_url=told[1], headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
            way = "/v1/jobs/upload?name=plain.mp4&scale=2&times=2&network=bicubic"
            job = client.post(way, content=film.read_bytes()).json()
            while job["state"] in ("queued", "running"):
                time.sleep(0.1)
                job = client.get(f"/v1/jobs/{job['id']}").json()
            assert job["state"] == "done", job
            assert job["result"]["verify"]["ok"]
            (tmp_path / "result.mp4").write_bytes(client.get(f"/v1/jobs/{job['id']}/result").content)
        service.terminate()
        assert service.wait(timeout=60) == 0
        assert service.stderr.read() == ""
    info = probe(tmp_path / "result.mp4", thorough=True)
    assert (info.width, info.height, info.frame_count) == (128, 96, 48)
