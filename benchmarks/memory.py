"""Peak memory, the most physical memory that a process of its own ever held (VmHWM, Linux).

    python benchmarks/memory.py [SHORT LONG]        (frames; default 300 and 3000)
    python benchmarks/memory.py --settings

First: of ``stvsr enhance`` on a short and a long film, in which it must not grow. Each is made on the spot, 64x48, and
enhanced x2 in space and time by bicubic. Prints JSON. Second: of ``unison-s`` against tile and window, for
``docs/speed.md``.
"""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path

import av
import numpy as np
from growth import rendering
from results import ROOT, commit, fill, processor

from stvsr.evaluation.speed import peak_memory
from stvsr.inference import Engine, RenderReport, RenderSettings
from stvsr.weights.catalog import load_network

TILES = (None, 256, 128, 64)
WINDOWS = (7, 14, 28)
FRAMES = 28
SIZE = (480, 270)
WIDTH, HEIGHT = 64, 48
ENHANCE = """
import sys
from stvsr.cli.main import main

code = main(["enhance", *sys.argv[1:], "--scale", "2", "--network", "bicubic"])
import torch
from stvsr.evaluation.speed import peak_memory

print(peak_memory(torch.device("cpu")))
sys.exit(code)
"""


def main() -> None:
    if sys.argv[1:] == ["--settings"]:
        fill(ROOT / "docs" / "speed.md", table_by_settings(), "memory")
        return
    short, long = (int(count) for count in sys.argv[1:3] or (300, 3000))
    with tempfile.TemporaryDirectory() as folder:
        peaks = {frames: peak_of(make_film(Path(folder) / f"{frames}.mp4", frames)) for frames in (short, long)}
    growth = peaks[long] / peaks[short] - 1
    print(json.dumps({"frames": [short, long], "peak_bytes": list(peaks.values()), "growth": growth}))


def table_by_settings() -> str:
    """A row per window, a column per tile."""
    lines = [
        "| window | " + " | ".join(f"tiles of {tile}" if tile else "whole frames" for tile in TILES) + " |",
        "|---|" + "---|" * len(TILES),
    ]
    for window in WINDOWS:
        row = []
        for tile in TILES:
            with ProcessPoolExecutor(1, get_context("spawn")) as fresh:
                row.append(f"{fresh.submit(held_by, tile, window).result() / 2**20:.0f}")
        lines.append(f"| {window} | {' | '.join(row)} |")
        print(lines[-1], flush=True)
    width, height = SIZE
    told = (
        f"MiB held at most while `unison-s` x4 renders {FRAMES} frames of {width}x{height} twice as smooth, Python and "
        f"PyTorch included. Windows in key frames, tiles in input pixels. {processor()}, commit {commit()}; written by "
        "`python benchmarks/memory.py --settings`."
    )
    return "\n".join([*lines, "", told])


def held_by(tile: int | None, window: int) -> int:
    """Bytes that this process held at most, having rendered so."""
    engine = Engine(load_network("unison-s", 4), RenderSettings(tile=tile, window=window), RenderReport())
    rendering(engine, *SIZE, frames=FRAMES, times=2)()
    return peak_memory(engine.device)


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
