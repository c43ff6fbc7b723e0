"""Films that were blurred, noisy and compressed before: ``python benchmarks/damaged.py --cache FOLDER``

Seven frames of each clip of Vid4 and of the held-out shots; every second one is made small (x4) and damaged as the
training damages it, with seeds of its own; the networks make the rest. PSNR-Y, NIQE (how far from undamaged pictures,
under a model fitted here to the originals) and, of damaged films, tOF (how far the motion is from the original's).
For the eye a picture: of each clip of Vid4 the square in which the two trainings of ``unison-s`` differ most.
"""

import argparse
import json
from pathlib import Path

import torch
from pretraining import middle, prepared, scored, vid4_frames
from results import RESULTS, ROOT, commit, fill
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import from_bytes, to_bytes
from stvsr.data.realworld import RealWorld
from stvsr.evaluation.figures import new_figure, pixels
from stvsr.evaluation.further import Further
from stvsr.evaluation.measure import mean_over_clips
from stvsr.evaluation.naturalness import fit_pristine
from stvsr.weights.catalog import load_network

NAMES = ("bicubic", "unison-s", "unison-s-real")
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
    rows, pictures = [], {}
    for damage, degradation in DAMAGES.items():
        further = Further(niqe=model, temporal=degradation is not None)
        for name in NAMES:
            network = load_network(name, 4)
            for suite, clips in suites.items():
                scores = []
                for clip, frames in clips.items():
                    shown: list[Tensor] = []
                    scores.append(
                        scored(network, frames, degradation, further=further, watch=lambda ours, _: shown.extend(ours))  # noqa: B023 (called within)
                    )
                    if suite == "Vid4" and degradation is not None:
                        pictures.setdefault(clip, {})[name] = shown[SHOWN]
                mean = mean_over_clips(scores)
                rows.append(
                    {"damage": damage, "network": name, "suite": suite} | {m: getattr(mean, m) for m in MEASURES}
                )
                print(json.dumps(rows[-1]), flush=True)
    for clip, frames in vid4.items():
        pictures[clip]["original"] = from_bytes(frames[SHOWN])
    draw(pictures)
    (RESULTS / "damaged.json").write_text(json.dumps({"rows": rows, "commit": commit()}, indent=1) + "\n")
    fill(ROOT / "docs" / "unison.md", table(rows), "damaged")


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


def draw(pictures: dict[str, dict[str, Tensor]]) -> None:
    """A column for each clip, a row for each network."""
    labels = (*NAMES, "original")
    figure = new_figure(2.4 * len(pictures), 2.5 * len(labels))
    axes = figure.subplots(len(labels), len(pictures), squeeze=False)
    for column, (clip, by) in enumerate(pictures.items()):
        differs = F.avg_pool2d((by["unison-s"] - by["unison-s-real"]).square().mean(0, keepdim=True), SIDE, SIDE // 2)[
            0
        ]
        top, left = (SIDE // 2 * at for at in divmod(int(differs.argmax()), differs.shape[1]))
        for row, label in enumerate(labels):
            cut = by[label][:, top : top + SIDE, left : left + SIDE].clamp(0, 1)
            axes[row, column].imshow(pixels(to_bytes(cut)), interpolation="nearest")
            axes[row, column].set_xticks([])
            axes[row, column].set_yticks([])
            axes[row, 0].set_ylabel(label)
        axes[0, column].set_title(clip, fontsize=9)
    figure.savefig(RESULTS / "damaged.jpg")


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
