"""The page in a process of its own, with ``stand_in_enhance`` in the place of ``stvsr enhance``.

As a program: FOLDER PORT.
"""

import subprocess
import sys
from pathlib import Path

import httpx

from stvsr.service.settings import ServiceSettings

COMMAND = (sys.executable, str(Path(__file__).with_name("stand_in_enhance.py")))


class Site:
    """A server that can be killed and started again on the same folder and port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.address = f"http://127.0.0.1:{port}"

    def start(self) -> None:
        """Returns once requests are answered."""
        command = [sys.executable, __file__, str(self.folder), str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline().startswith("http")

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate(timeout=60)

    def drop(self, film: Path) -> str:
        """Put a film on the desk without a browser; its id."""
        answer = httpx.post(f"{self.address}/films", params={"name": film.name}, content=film.read_bytes(), timeout=60)
        return answer.json()["film"]


def main() -> None:
    from stvsr.web.server import serve

    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    settings = ServiceSettings(folder=folder, port=port, token=None, max_upload=2**20, keep_free=0, command=COMMAND)
    serve(settings, on_listening=lambda address: print(address, flush=True))


if __name__ == "__main__":
    main()
