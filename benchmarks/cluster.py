"""One film by one, two, ... workers of a local Ray cluster: ``python benchmarks/cluster.py [--workers 1 2]``

Every worker is a node with one processor, so this shows what sharing out costs, not what a network of machines does.
The start of the workers' processes counts, and so do survey, join and proof, which are not shared.
Writes seconds, the speed-up over one worker, and its share of the ideal to ``docs/speed.md``; the films must be equal,
packet by packet.
"""

import argparse
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from ray.cluster_utils import Cluster as Nodes
from results import ROOT, commit, fill, processor

from stvsr.cluster import Cluster
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--frames", type=int, default=160)
    parser.add_argument("--network", default="unison-s")
    asked = parser.parse_args()
    settings = EnhanceSettings(network=asked.network, segment=10, overwrite=True)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.mkv"
        write_film(source, asked.frames)
        films, alone = [], None
        lines = ["| workers | seconds | speed-up | of the ideal |", "|---|---|---|---|"]
        for count in asked.workers:
            nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
            for _ in range(count):
                nodes.add_node(num_cpus=1)
            crew = Cluster(address=nodes.address, processors=1)
            began = time.perf_counter()
            films.append(enhance(source, Path(folder) / f"{count}.mkv", settings, crew=crew).output)
            seconds = time.perf_counter() - began
            alone = alone or seconds * count
            lines.append(f"| {count} | {seconds:.1f} | {alone / seconds:.2f} | {alone / seconds / count:.2f} |")
            print(lines[-1], flush=True)
            nodes.shutdown()
        verdict = "equal, packet by packet" if len({packets(film) for film in films}) == 1 else "NOT EQUAL"
    told = (
        f"`stvsr enhance --cluster`, {asked.frames} frames of 96x72 by `{asked.network}`, a core for each worker; the "
        f"films were {verdict}. {processor()}, commit {commit()}; written by `python benchmarks/cluster.py`."
    )
    print(told)
    fill(ROOT / "docs" / "speed.md", "\n".join([*lines, "", told]), "workers")


def write_film(path: Path, count: int, width: int = 96, height: int = 72) -> None:
    """A texture that glides."""
    texture = np.random.default_rng(0).integers(0, 256, (height, width + count, 3), dtype=np.uint8)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("ffv1", rate=Fraction(24))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(count):
            picture = np.ascontiguousarray(texture[:, index : index + width])
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        film.mux(stream.encode(None))


def packets(path: Path) -> bytes:
    with av.open(str(path)) as film:
        return b"".join(bytes(packet) for packet in film.demux(video=0))


if __name__ == "__main__":
    main()
