"""Peak memory of ``stvsr enhance`` on a short and a long film: it must not grow with the film. Prints JSON.

    python benchmarks/memory.py [SHORT LONG]        (frames; default 300 and 3000)

Each film is made on the spot, 64x48, and enhanced x2 in space and time by bicubic in a process of its own; the peak
is the most physical memory that process ever held (VmHWM, Linux).
"""

import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 64, 48
ENHANCE = """
import sys
from pathlib import Path
from stvsr.cli.main import main

code = main(["enhance", *sys.argv[1:], "--scale", "2", "--network", "bicubic"])
status = Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM")))
sys.exit(code)
"""


def main() -> None:
    short, long = (int(count) for count in sys.argv[1:3] or (300, 3000))
    with tempfile.TemporaryDirectory() as folder:
        peaks = {frames: peak_of(make_film(Path(folder) / f"{frames}.mp4", frames)) for frames in (short, long)}
    growth = peaks[long] / peaks[short] - 1
    print(json.dumps({"frames": [short, long], "peak_bytes": list(peaks.values()), "growth": growth}))


def make_film(path: Path, frames: int) -> Path:
    """A gradient that drifts, so that no two pictures are alike."""
    across = np.linspace(0, 4 * np.pi, WIDTH)[None, :, None]
    down = np.linspace(0, 4 * np.pi, HEIGHT)[:, None, None]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(24), options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            waves = np.sin(across + down + index / 20 + np.arange(3))
            picture = (127 + 100 * waves).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode(None))
    return path


def peak_of(film: Path) -> int:
    """Bytes of physical memory at most while this film was enhanced."""
    command = [sys.executable, "-c", ENHANCE, str(film), str(film.with_suffix(".mkv"))]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


if __name__ == "__main__":
    main()
