"""A network from fresh weights to the package, in one command: ``unison_s``, ``yogo_24`` or any other recipe.

    python benchmarks/campaign.py RECIPE --cache FOLDER [--minutes 30] [--core 0 | --processes 2] [--compile] [--ship]

Trains by the recipe on the footage beside the repository and leaves averaged weights and card in ``FOLDER/RECIPE``.
``--minutes``: the cost of a step is measured first, and the rate falls over as many steps as fit; else the recipe's own
number. Stop it and start it again as you like: it goes on where it stopped. ``--ship`` puts the weights into the
package, where ``make results`` evaluates all there are. On a graphics processor give ``--compile``, and what fills the
card: ``--set batch=32 --set precision=bf16-mixed``; the step is then captured as a CUDA graph. Carry the cache's
footage.pt along, or the footage.
"""

import argparse
import os
import shutil
import time
from functools import partial
from hashlib import sha256
from pathlib import Path

import torch
from pretraining import prepared

from stvsr.data.memory import ShotSource
from stvsr.training.run import run_recipe
from stvsr.weights.catalog import FOLDER
from stvsr.weights.own import SUMS

TRIALS = (6, 4, 16)
"""Steps. The first warms up; what the third takes longer than the second is the cost of the steps between."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "recipe", help="a name that `stvsr train` takes, or a weight file, to repeat the run that made it"
    )
    asked.add_argument("--cache", type=Path, required=True, help="folder for the prepared footage and the runs")
    asked.add_argument("--minutes", type=float, help="as many steps as fit into them")
    asked.add_argument("--core", type=int, help="the processor core to stay on; else all")
    asked.add_argument("--processes", type=int, default=1, help="share each batch among so many")
    asked.add_argument("--initial", type=Path, help="a weight file to start from")
    asked.add_argument("--set", action="append", default=[], dest="settings", metavar="field=value")
    asked.add_argument("--compile", action="store_true")
    asked.add_argument("--ship", action="store_true", help="put weights and card into the package")
    given = asked.parse_args()
    if given.core is not None:
        os.sched_setaffinity(0, {given.core})
        torch.set_num_threads(1)
    source, held = prepared(given.cache)
    whole = ShotSource(clips=[*source.clips, *held])
    whole.flows = source.flows
    train = partial(
        run_recipe,
        given.recipe,
        whole,
        initial=given.initial,
        compiled=given.compile,
        processes=given.processes,
    )
    out = given.cache / Path(given.recipe).stem
    settings = list(given.settings)
    if given.minutes:
        settings.append(f"steps={steps_for(given.minutes, train, settings, out)}")
    file = train(out, settings=settings, report=partial(print, flush=True))
    print(f"weights: {file}")
    if given.ship:
        for made in (file, file.with_suffix(".md")):
            shutil.copy(made, FOLDER)
        files = sorted(FOLDER.glob("*.safetensors"))
        sums = [f"{sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
        (FOLDER / SUMS).write_text("".join(sums))


def steps_for(minutes: float, train: partial[Path], settings: list[str], out: Path) -> int:
    """How many steps of each stage fit into the minutes; measured once. The trials report nothing."""
    kept = out / f"steps-in-{minutes:g}-minutes"
    if not kept.exists():
        seconds = []
        for steps in TRIALS:
            started = time.monotonic()
            train(out / f"trial-{steps}", settings=[*settings, f"steps={steps}"], report=str)
            seconds.append(time.monotonic() - started)
        each = (seconds[2] - seconds[1]) / (TRIALS[2] - TRIALS[1])
        kept.write_text(str(max(1, round(60 * minutes / each))))
        print(f"a step, of every stage there is: {each:.2f} s", flush=True)
    return int(kept.read_text())


if __name__ == "__main__":
    main()
