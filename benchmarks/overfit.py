"""Can every network learn one batch by heart? ``python benchmarks/overfit.py [RECIPE ...]``

Runs ``stvsr train RECIPE --overfit`` one after another, keeps the numbers in ``docs/results/overfit.json``, draws the
curves, and fills the table in ``docs/networks/README.md``. Needs the training footage beside the repository.
Recipes not named keep the numbers they have.
"""

import json
import subprocess
import sys
from pathlib import Path

from matplotlib.figure import Figure
from results import ROOT, commit, fill, processor

FOOTAGE = ROOT.parent / "shared" / "footage"
RESULTS = ROOT / "docs" / "results"
RECIPES = {
    "unison_s": [],
    "cycmunet": [],
    "tp": [],
    # from noise, the flows of the motion loss say nothing yet and drown the picture: 20.87 dB at step 200 with it
    "stinet": ["optimiser.lr=1e-3", "losses.motion=0"],
    "mbnet": [],
    "yogo_64": [],
}
"""And what is set beside the recipe."""


def main() -> None:
    kept = RESULTS / "overfit.json"
    runs = json.loads(kept.read_text()) if kept.exists() else {}
    for recipe in sys.argv[1:] or RECIPES:
        command = [sys.executable, "-m", "stvsr", "train", recipe, "--overfit", "--json", "--data", str(FOOTAGE)]
        command += [word for setting in RECIPES[recipe] for word in ("--set", setting)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        runs[recipe] = json.loads(told.stdout) | {
            "settings": RECIPES[recipe],
            "commit": commit(),
            "processor": processor(),
        }
        kept.write_text(json.dumps(runs, indent=1) + "\n")
    draw(runs, RESULTS / "overfit.png")
    fill(ROOT / "docs" / "networks" / "README.md", table(runs))


def table(runs: dict[str, dict]) -> str:
    lines = [
        "| network | start | after 300 steps | gain | bicubic | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs.values():
        name = ", ".join([run["network"], *run["settings"]])
        lines.append(
            f"| {name} | {run['start']:.2f} | **{run['end']:.2f}** | {run['end'] - run['start']:+.2f} "
            f"| {run['bicubic']:.2f} | {run['seconds']:.0f} |"
        )
    some = next(iter(runs.values()))
    lines += [
        "",
        f"PSNR (RGB, dB) over all frames of one batch of {some['batch']} pixels. {some['processor']}, with other "
        f"work beside it, so the seconds are upper bounds. Written by `python benchmarks/overfit.py`.",
    ]
    return "\n".join(lines)


def draw(runs: dict[str, dict], target: Path) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="step", ylabel="PSNR over bicubic, dB", title="One batch, learnt by heart")
    for run in runs.values():
        steps = [min(10 * index, run["steps"]) for index in range(len(run["curve"]))]
        axes.plot(steps, [value - run["bicubic"] for value in run["curve"]], label=run["network"])
    axes.axhline(0, color="grey", linewidth=0.8)
    axes.set_ylim(bottom=-6)
    axes.legend()
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main()
