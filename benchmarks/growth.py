"""How the cost grows with pixels, frames and instants: ``python benchmarks/growth.py [NETWORK]``

Each of the three grows by 1, 2, 4 and 8 while the others stay. The four amounts are timed in turns, so that whatever
else the machine does slows all of them, and medians are kept. The exponent is the slope of a straight line through
seconds against amount, both as logarithms: 1 means that twice the work takes twice the time. Numbers go to
``docs/results/growth.json``, the table to ``docs/speed.md``.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from statistics import median

import numpy as np
import torch
from results import RESULTS, ROOT, commit, fill, processor

from stvsr.clip import Frame
from stvsr.inference import Engine, RenderReport, RenderSettings, Target, render_part
from stvsr.weights.catalog import load_network

AMOUNTS = (1, 2, 4, 8)
SIZES = ((90, 72), (127, 102), (180, 144), (254, 204))
"""Each has twice the pixels of the one before, within 1 %."""
ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", nargs="?", default="unison-s")
    name = parser.parse_args().network
    engine = Engine(load_network(name, 4, allow_untrained=True), RenderSettings(), RenderReport())
    kinds: dict[str, list[Callable[[], None]]] = {
        "pixels": [rendering(engine, *size, frames=8, times=2) for size in SIZES],
        "frames": [rendering(engine, *SIZES[1], frames=8 * amount, times=2) for amount in AMOUNTS],
        "instants": [rendering(engine, *SIZES[1], frames=8, times=2 * amount) for amount in AMOUNTS],
    }
    rows = {kind: measured(actions) for kind, actions in kinds.items()}
    facts = {"network": name, "seconds": rows, "commit": commit(), "processor": processor()}
    print(json.dumps(facts, indent=1))
    (RESULTS / "growth.json").write_text(json.dumps(facts, indent=1) + "\n")
    fill(ROOT / "docs" / "speed.md", table(facts), "growth")


def rendering(engine: Engine, width: int, height: int, *, frames: int, times: int) -> Callable[[], None]:
    """Renders a film of so many frames, so many times as smooth."""
    picture = torch.rand(3, height, width)

    def film() -> Iterator[Frame]:
        for number in range(frames):
            yield Frame(
                image=picture.roll(number, -1),
                time=Fraction(number, 25),
                duration=Fraction(1, 25),
                starts_shot=number == 0,
            )

    def run() -> None:
        for _ in render_part(engine, film(), Target(factor=times)):
            pass

    return run


def measured(actions: list[Callable[[], None]]) -> list[float]:
    """Median seconds of each, in turns, after one round that is thrown away."""
    rounds: list[list[float]] = []
    for _ in range(ROUNDS + 1):
        row = []
        for action in actions:
            began = time.perf_counter()
            action()
            row.append(time.perf_counter() - began)
        rounds.append(row)
    return [median(column) for column in zip(*rounds[1:], strict=True)]


def exponent(seconds: list[float]) -> float:
    return float(np.polyfit(np.log(AMOUNTS), np.log(seconds), 1)[0])


def table(facts: dict) -> str:
    lines = [
        "| what grows | " + " | ".join(f"x{amount}" for amount in AMOUNTS) + " | exponent |",
        "|---|" + "---|" * (len(AMOUNTS) + 1),
    ]
    for kind, seconds in facts["seconds"].items():
        amounts = " | ".join(f"{second:.2f}" for second in seconds)
        lines.append(f"| {kind} | {amounts} | {exponent(seconds):.2f} |")
    lines += [
        "",
        f"Seconds of `{facts['network']}` x4; x1 is 8 frames of {SIZES[0][0]}x{SIZES[0][1]} (pixels) or "
        f"{SIZES[1][0]}x{SIZES[1][1]} (frames, instants), twice as smooth. Medians of {ROUNDS} rounds in turns. "
        f"{facts['processor']}, commit {facts['commit']}; written by `python benchmarks/growth.py`.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
