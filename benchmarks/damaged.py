"""Films that were blurred, noisy and compressed before: ``python benchmarks/damaged.py --cache FOLDER``

Seven frames of each clip of Vid4 and of the held-out shots; every second one is made small (x4) and damaged as the
training damages it, with seeds of its own; the networks make the rest. PSNR-Y, NIQE (how far from undamaged pictures,
under a model fitted here to the originals) and, of damaged films, tOF (how far the motion is from the original's).
For the eye a picture: of each clip of Vid4 the square in which the two trainings of ``unison-s`` differ most.
"""

import argparse
import json
from functools import partial
from pathlib import Path

import torch
from crops import draw
from pretraining import middle, prepared, scored, vid4_frames
from results import RESULTS, ROOT, commit, fill
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import from_bytes
from stvsr.data.realworld import RealWorld
from stvsr.evaluation.further import Further
from stvsr.evaluation.measure import mean_over_clips
from stvsr.evaluation.naturalness import fit_pristine
from stvsr.weights.catalog import load_network

NAMES = ("bicubic", "unison-s", "unison-s-real")
ROWS = (*NAMES, "original")
DAMAGES = {"bicubic": None, "real-world": RealWorld()}
FRAMES, SIDE, SHOWN = 7, 128, 3
"""Of each clip; pixels of the squares; and the frame they are cut out of, one that the input has not."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--cache", type=Path, required=True, help="folder of the prepared footage")
    _, held = prepared(asked.parse_args().cache)
    vid4 = {name: middle(frames)[:FRAMES] for name, frames in vid4_frames().items()}
    suites = {"Vid4": vid4, "held-out": {shot.name: middle(shot.frames)[:FRAMES] for shot in held}}
    originals = [from_bytes(frame) for clips in suites.values() for frames in clips.values() for frame in frames[::3]]
    model = fit_pristine(originals, label="originals")
    rows, pictures = [], {clip: {"original": from_bytes(frames[SHOWN])} for clip, frames in vid4.items()}
    for damage, degradation in DAMAGES.items():
        further = Further(niqe=model, temporal=degradation is not None)
        for name in NAMES:
            network = load_network(name, 4)
            for suite, clips in suites.items():
                shown: dict[str, list[Tensor]] = {clip: [] for clip in clips}
                mean = mean_over_clips(
                    [
                        scored(network, frames, degradation, further=further, watch=partial(keep, shown[clip]))
                        for clip, frames in clips.items()
                    ]
                )
                if suite == "Vid4":  # in the end: damaged, which comes last
                    for clip, images in shown.items():
                        pictures[clip][name] = images[SHOWN]
                rows.append(
                    {"damage": damage, "network": name, "suite": suite} | {m: getattr(mean, m) for m in MEASURES}
                )
                print(json.dumps(rows[-1]), flush=True)
    draw({clip: where_they_differ(by) for clip, by in pictures.items()}, ROWS, RESULTS / "damaged.jpg")
    (RESULTS / "damaged.json").write_text(json.dumps({"rows": rows, "commit": commit()}, indent=1) + "\n")
    fill(ROOT / "docs" / "unison.md", table(rows), "damaged")


def keep(shown: list[Tensor], images: Tensor, _: Tensor) -> None:
    """Watches an evaluation."""
    shown.extend(images)


MEASURES = {"psnr_y": "PSNR-Y", "niqe": "NIQE", "tof": "tOF"}


def table(rows: list[dict]) -> str:
    suites = ("Vid4", "held-out")
    lines = [
        "| input | network | "
        + " | ".join(f"{suite}: {title}" for suite in suites for title in MEASURES.values())
        + " |",
        "|---|---|" + "---|" * len(suites) * len(MEASURES),
    ]
    for damage in DAMAGES:
        for name in NAMES:
            own = {row["suite"]: row for row in rows if (row["damage"], row["network"]) == (damage, name)}
            numbers = " | ".join(
                "–" if own[suite][measure] is None else f"{own[suite][measure]:.2f}"
                for suite in suites
                for measure in MEASURES
            )
            lines.append(f"| {damage} | {name} | {numbers} |")
    lines += ["", f"PSNR-Y in dB; NIQE and tOF: less is better. `python benchmarks/damaged.py`, commit {commit()}."]
    return "\n".join(lines)


def where_they_differ(by: dict[str, Tensor]) -> list[Tensor]:
    """The same square of every picture: the one in which the two trainings differ most."""
    difference = (by["unison-s"] - by["unison-s-real"]).square().mean(0, keepdim=True)
    squares = F.avg_pool2d(difference, SIDE, SIDE // 2)[0]
    top, left = (SIDE // 2 * at for at in divmod(int(squares.argmax()), squares.shape[1]))
    return [by[label][:, top : top + SIDE, left : left + SIDE] for label in ROWS]


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
