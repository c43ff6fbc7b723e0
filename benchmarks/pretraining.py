"""What still pictures and real-world damage are worth: ``unison-s`` after equal processor time.

    python benchmarks/pretraining.py --cache FOLDER [--minutes 15] [--core 0] [RUN ...]

Trains on the footage beside the repository, on one core, and measures every run on Vid4 and on held-out shots, made
small by bicubic and damaged as real video is. The cost of a step is measured first, for each kind of data, and every
run gets as many steps as fit into its minutes of processor time. Stop it and start it again as you like: runs go on
where they stopped, and those with numbers are not run again unless they are named. ``--cache`` keeps the footage as it
lies in memory, and the runs. Numbers go to ``docs/results/pretraining.json``, the table into ``docs/training.md``.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from results import ROOT, VID4, commit, fill, processor

from stvsr.data.degrade import Degradation, from_bytes, shrink
from stvsr.data.footage import Shot, read_footage
from stvsr.data.memory import ShotSource
from stvsr.data.realworld import RealWorld
from stvsr.data.source import Origin, Size, hold_out
from stvsr.evaluation.clips import read_clip
from stvsr.evaluation.measure import Scores, mean_over_clips, score
from stvsr.evaluation.protocol import Sampling, make_task, windows
from stvsr.evaluation.renderings import FP32, Rendering, render_all
from stvsr.evaluation.suites import suite_called
from stvsr.inference.engine import Engine, RenderReport
from stvsr.networks import NETWORKS, Network
from stvsr.training.checkpoint import Checkpoint, Spent
from stvsr.training.loop import train
from stvsr.training.publish import describe_machine, publish
from stvsr.training.recipe import Optimiser, Recipe
from stvsr.training.recipes import unison_s
from stvsr.weights.files import load_weights

TRAINING = ROOT.parent / "shared" / "footage"
RESULTS = ROOT / "docs" / "results" / "pretraining.json"
SHARE = 1 / 3
"""Of a run's time that goes to still pictures, where it begins with them."""
TRIAL = 16
"""Steps that show what a step costs."""
SAMPLING, TASK = Sampling(2, "all"), make_task(scale=4, times=2)


@dataclass(frozen=True)
class Run:
    degradation: str
    stills: bool = False
    masked: float = 0.0

    def stages(self) -> list[tuple[Recipe, float]]:
        """Recipes without their number of steps, and the share of the time that each gets."""
        films = replace(
            unison_s(2),
            batch=2,
            stills=0.0,
            degradation=self.degradation,
            hold_out=False,
            optimiser=Optimiser(lr=1.6e-3, ema=0.99),  # a longer average would reach back further than these runs last
        )
        if not self.stills:
            return [(films, 1.0)]
        return [(replace(films, stills=1.0, masked=self.masked), SHARE), (films, 1 - SHARE)]


RUNS = {
    "bicubic": Run("bicubic"),
    "bicubic-stills": Run("bicubic", stills=True),
    "bicubic-masked": Run("bicubic", stills=True, masked=0.5),
    "real-world": Run("real-world"),
    "real-world-stills": Run("real-world", stills=True),
}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("runs", nargs="*", metavar="RUN", help=f"of {', '.join(RUNS)}; all")
    asked.add_argument("--cache", type=Path, required=True, help="folder for the prepared footage and the runs")
    asked.add_argument("--minutes", type=float, default=15.0, help="of processor time for each run")
    asked.add_argument("--core", type=int, default=0, help="the core to stay on")
    asked.add_argument("--results", type=Path, default=RESULTS, help="the page is written only with the usual file")
    given = asked.parse_args()
    os.sched_setaffinity(0, {given.core})
    torch.set_num_threads(1)

    source, held = prepared(given.cache)
    kept = json.loads(given.results.read_text()) if given.results.exists() else {}
    if kept.get("minutes") != given.minutes:
        kept = {"minutes": given.minutes, "runs": {"bicubic enlargement": tested(NETWORKS["bicubic"](scale=4), held)}}
    for name in given.runs or [name for name in RUNS if name not in kept["runs"]]:
        folder = given.cache / f"{given.minutes:g}-minutes" / name
        network, spent = trained(RUNS[name], source, folder, given.minutes, costs(source, given.cache))
        kept["runs"][name] = {"steps": [stage.step for stage in spent]} | {
            "cpu_minutes": sum(stage.cpu_seconds for stage in spent) / 60,
            **tested(network, held),
        }
        print(name, json.dumps(kept["runs"][name]), flush=True)
        given.results.parent.mkdir(parents=True, exist_ok=True)
        given.results.write_text(json.dumps(kept | {"commit": commit(), "processor": processor()}, indent=1) + "\n")
        if given.results == RESULTS:
            fill(ROOT / "docs" / "training.md", table(json.loads(RESULTS.read_text())))


def prepared(cache: Path) -> tuple[ShotSource, list[Shot]]:
    """The footage to train on with its flow, mapped from the cache rather than read; and the held-out shots."""
    file, recipe = cache / "footage.pt", unison_s(2)
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        kept, held = hold_out(ShotSource(clips=read_footage(TRAINING)), recipe.held_out)
        assert isinstance(kept, ShotSource)
        kept.prepare(recipe.cadences, Size(recipe.crop * recipe.scale, recipe.crop * recipe.scale))
        shots = {
            part: [(shot.name, shot.frames.contiguous(), shot.share, tuple(shot.origin)) for shot in clips]
            for part, clips in {"kept": kept.clips, "held": held}.items()
        }
        torch.save(shots | {"flows": kept.flows}, file.with_suffix(".new"))
        file.with_suffix(".new").rename(file)
    stored = torch.load(file, mmap=True, weights_only=True)
    source = ShotSource(clips=[shot_of(*entry) for entry in stored["kept"]])
    source.flows = stored["flows"]
    return source, [shot_of(*entry) for entry in stored["held"]]


def shot_of(name: str, frames: torch.Tensor, share: float, origin: Sequence[str]) -> Shot:
    return Shot(name=name, frames=frames, share=share, origin=Origin(*origin))


def costs(source: ShotSource, cache: Path) -> dict[str, float]:
    """Seconds of processor time that a step takes, by the kind of data; measured once."""
    file = cache / "costs.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    for run in RUNS.values():
        for recipe, _ in run.stages():
            if kind(recipe) not in known:
                out = cache / "trials" / kind(recipe)
                train(replace(recipe, steps=TRIAL), source, out, ahead=2, report=lambda _: None)
                known[kind(recipe)] = Checkpoint(out, replace(recipe, steps=TRIAL)).spent().cpu_seconds / TRIAL
                file.write_text(json.dumps(known, indent=1))
                print(f"a step of {kind(recipe)}: {known[kind(recipe)]:.3f} s", flush=True)
    return known


def kind(recipe: Recipe) -> str:
    data = ("masked-stills" if recipe.masked else "stills") if recipe.stills else "films"
    return f"{recipe.degradation}-{data}"


def trained(
    run: Run, source: ShotSource, folder: Path, minutes: float, cost: dict[str, float]
) -> tuple[Network, list[Spent]]:
    """The network after its minutes, and what each stage took."""
    spent, initial = [], None
    for number, (recipe, share) in enumerate(run.stages(), 1):
        recipe = replace(recipe, steps=max(1, round(60 * minutes * share / cost[kind(recipe)])))
        out = folder / f"stage{number}"
        checkpoint = Checkpoint(out, recipe)
        if checkpoint.spent().step < recipe.steps:
            report = partial(print, f"{folder.name}, stage {number}:", flush=True)
            train(recipe, source, out, initial=initial, report=report)
        spent.append(checkpoint.spent())
        initial = publish(checkpoint, out, describe_machine(torch.device("cpu")))
    assert initial is not None
    network = NETWORKS["unison-s"](scale=4)
    network.load_state_dict(load_weights(initial).tensors)
    return network, spent


def tested(network: Network, held: Sequence[Shot]) -> dict[str, dict[str, float | None]]:
    """PSNR-Y and so on of Vid4 and of held-out shots, each with both kinds of input."""
    vid4, shots = vid4_frames(), {shot.name: middle(shot.frames) for shot in held}
    scores = {
        f"{suite}-{degradation}": mean_over_clips([scored(network, frames, damage) for frames in clips.values()])
        for suite, clips in {"vid4": vid4, "held-out": shots}.items()
        for degradation, damage in {"bicubic": None, "real-world": RealWorld()}.items()
    }
    return {name: {field: getattr(score, field) for field in FIELDS} for name, score in scores.items()}


def vid4_frames() -> dict[str, torch.Tensor]:
    """Every clip, whole."""
    return {
        name: torch.stack(list(read_clip(clip, least=3))) for name, clip in suite_called("vid4").clips(VID4).items()
    }


FIELDS = ("psnr_y", "psnr_y_key", "psnr_y_interpolated", "ssim_y")


def middle(frames: torch.Tensor) -> torch.Tensor:
    """Thirteen frames."""
    first = max(0, (len(frames) - 13) // 2)
    return frames[first : first + 13]


def scored(network: Network, frames: torch.Tensor, damage: Degradation | None, **more: Any) -> Scores:
    """One clip. All its input frames are damaged together, the same for every network. more: see ``score``."""
    frames = frames[..., : frames.shape[-2] // 4 * 4, : frames.shape[-1] // 4 * 4]
    keys = from_bytes(frames[::2])
    small = shrink(keys, 4) if damage is None else damage(keys, 4, np.random.default_rng(len(frames)))
    return score(rendered_from(network, small, len(frames)), iter(frames), SAMPLING, TASK, **more)


def rendered_from(network: Network, small: torch.Tensor, count: int) -> Rendering:
    """Window after window of these input frames."""
    engine = Engine(network, FP32, RenderReport())
    starts: Iterator[int] = (start for start, _ in windows(range(count), SAMPLING.stride))

    def rendering(truth: torch.Tensor, wanted: list[int]) -> torch.Tensor:
        first = next(starts) // SAMPLING.stride
        keys = small[first : first + (len(truth) - 1) // SAMPLING.stride + 1]
        return render_all(engine, keys, [Fraction(index, SAMPLING.stride) for index in wanted])

    return rendering


def table(results: dict) -> str:
    titles = {
        "vid4-bicubic": "Vid4, bicubic",
        "vid4-real-world": "Vid4, real-world",
        "held-out-bicubic": "held-out, bicubic",
        "held-out-real-world": "held-out, real-world",
    }
    lines = [
        "| trained on | pre-trained on | steps | minutes | " + " | ".join(titles.values()) + " |",
        "|---|---|---|---|" + "---|" * len(titles),
    ]
    for name, run in results["runs"].items():
        numbers = " | ".join(
            f"{run[suite]['psnr_y']:.2f} ({run[suite]['psnr_y_interpolated']:.2f})" for suite in titles
        )
        if name in RUNS:
            own = RUNS[name]
            before = "-" if not own.stills else "moving stills, half hidden" if own.masked else "moving stills"
            steps = " + ".join(map(str, run["steps"]))
            lines.append(f"| {own.degradation} | {before} | {steps} | {run['cpu_minutes']:.1f} | {numbers} |")
        else:
            lines.append(f"| {name} | | | | {numbers} |")
    lines += [
        "",
        f"PSNR-Y in dB, in brackets of the frames between. `unison-s` x4, as many steps as should fit into "
        f"{results['minutes']:g} minutes of one of {results['processor']} (minutes: of processor time, as they came "
        f"to be), a third of them for the pre-training. Written by "
        f"`python benchmarks/pretraining.py` at commit {results['commit']}; numbers in docs/results/pretraining.json.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
