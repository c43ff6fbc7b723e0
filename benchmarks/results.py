"""Write every table of results: ``make results``. Needs the evaluation footage beside the repository.

Measures all networks with weights on Vid4 (the field's protocol, see ``stvsr.evaluation.measure``), those for films as
two stages, with their flow off and for speed; time alone on Middlebury; held-out shots of the footage.
Keeps numbers and pictures in ``docs/results``, writes the tables beside the published numbers
(``docs/results/README.md``), and fills the README and the weight cards between ``<!-- results -->`` and
``<!-- /results -->``.
"""

import json
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from stvsr.data.footage import read_footage
from stvsr.evaluation.comparison import as_markdown, compare
from stvsr.evaluation.gallery import Gallery
from stvsr.evaluation.measure import evaluate_suite, load_networks, load_two_stage
from stvsr.evaluation.protocol import make_task
from stvsr.evaluation.speed import bench
from stvsr.evaluation.tables import as_json
from stvsr.inference import RenderSettings
from stvsr.jobs.validate import validate
from stvsr.networks import NETWORKS, Network
from stvsr.training.recipes import unison_s
from stvsr.weights.catalog import everyday_networks, file_of, has_weights, load_network, ready_scales

ROOT = Path(__file__).parents[1]
FOOTAGE = ROOT.parent / "shared" / "footage" / "eval"
VID4, MIDDLEBURY = FOOTAGE / "Vid4", FOOTAGE / "Middlebury-other"
RESULTS = ROOT / "docs" / "results"
UNISON = ("unison-s", "unison-m")
"""Those that are taken apart and timed."""


def main() -> None:
    names = ["bicubic"] + [name for name in NETWORKS if name != "bicubic" and has_weights(name, 4)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    gallery = Gallery(RESULTS / "vid4")
    measured = [(name, load_network(name, 4)) for name in names]
    result = evaluate_suite("vid4", VID4, measured, watch=gallery.show)
    gallery.close(compare(result))
    whole = as_json(result)
    space_time, time = make_task(), make_task("time")
    in_time = [name for name in names if 1 in ready_scales(name)]
    films = [name for name in everyday_networks() if name in UNISON]
    pairs = [("bicubic", name) for name in films] + [(name, name) for name in films]
    stages = [load_two_stage(*pair, space_time) for pair in pairs]
    staged = evaluate_suite("vid4", VID4, stages)
    alone = evaluate_suite("middlebury", MIDDLEBURY, load_networks(in_time, time), task=time)
    pages = [
        as_markdown(compare(replace(result, results=result.results + staged.results))),
        as_markdown(compare(alone)),
    ]
    (RESULTS / "README.md").write_text(
        "# Results beside the published ones\n\nWritten by `make results`; [the protocol](../evaluation.md).\n\n"
        + "\n\n".join([*pages, held_out_page(measured)])
        + "\n\n![PSNR against parameters](vid4/quality.png)\n"
    )
    ours = [(name, network) for name, network in measured if name in UNISON]
    still = as_json(evaluate_suite("vid4", VID4, ours, without="flow")) if ours else {"results": []}
    speeds = {name: speeds_of(name) for name, _ in ours}
    facts = {"commit": commit(), "processor": processor(), "vid4": whole, "vid4_without_flow": still, "speed": speeds}
    (RESULTS / "vid4-x4.json").write_text(json.dumps(facts, indent=1) + "\n")

    rows = {result["network"]: result for result in whole["results"]}
    fill(ROOT / "README.md", table(rows, still, speeds, facts))
    for name in names[1:]:
        own = {one: rows[one] for one in ("bicubic", name)}
        fill(file_of(name, 4).with_suffix(".md"), table(own, still, speeds, facts))


def held_out_page(measured: Sequence[tuple[str, Network]]) -> str:
    """The middle seven frames of our own shots that no training saw."""
    held = [shot for shot in read_footage(FOOTAGE.parent) if shot.name.startswith(unison_s(1).held_out)]
    lines = [
        "## Held-out shots of the training footage",
        "",
        "x4, 4 → 7, PSNR-Y in dB, mean over the shots: " + ", ".join(f"`{shot.name}`" for shot in held) + ".",
        "",
        "| network | all | key | interpolated | SSIM-Y |",
        "|---|---|---|---|---|",
    ]
    for name, network in measured:
        scores = validate(network, held)
        values = " | ".join(f"{scores[field]:.2f}" for field in ("psnr_y_key", "psnr_y_interpolated"))
        lines.append(f"| {name} | **{scores['psnr_y']:.2f}** | {values} | {scores['ssim_y']:.4f} |")
    return "\n".join(lines)


def table(rows: dict, still: dict, speeds: dict, facts: dict) -> str:
    """Vid4 by network and clip, and the speed, as Markdown."""
    lines = [
        "| Vid4, x4, 4 → 7, PSNR-Y in dB | all | key | interpolated | calendar | city | foliage | walk | SSIM-Y |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    without = [(f"{result['network']}, flow off", result) for result in still["results"] if result["network"] in rows]
    for name, result in [*rows.items(), *without]:
        clips = " | ".join(f"{result['clips'][clip]['psnr_y']:.2f}" for clip in ("calendar", "city", "foliage", "walk"))
        lines.append(
            f"| {name} | **{result['psnr_y']:.2f}** | {result['psnr_y_key']:.2f} | {result['psnr_y_interpolated']:.2f} "
            f"| {clips} | {result['ssim_y']:.4f} |"
        )
    for name, ways in speeds.items():
        for precision, speed in ways.items() if name in rows else ():
            lines += [
                "",
                f"{name} on {facts['processor']}, {precision}: {speed['seconds_per_output_frame']:.3f} s per 720x576 "
                f"frame, {speed['fraction_of_ceiling']:.2f} of the rate of a plain convolution timed in the same run, "
                f"peak memory {speed['peak_memory_bytes'] / 2**20:.0f} MiB.",
            ]
    lines += ["", f"Written by `make results` at commit {facts['commit']}; numbers in docs/results/vid4-x4.json."]
    return "\n".join(lines)


def speeds_of(name: str) -> dict[str, dict]:
    """By precision: what users get unasked, and the reference."""
    ways = [bench(name, settings=RenderSettings(precision=precision)) for precision in ("auto", "fp32")]
    return {speed.precision: asdict(speed) for speed in ways}


def fill(page: Path, text: str, mark: str = "results") -> None:
    """Put the text between the page's marks."""
    old = page.read_text()
    new, count = re.subn(
        rf"<!-- {mark} -->.*?<!-- /{mark} -->",
        lambda _: f"<!-- {mark} -->\n{text}\n<!-- /{mark} -->",
        old,
        flags=re.DOTALL,
    )
    if count != 1:
        sys.exit(f"{page} has {count} places between {mark} marks where one is needed")
    page.write_text(new)


def commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores of {names[0]}" if names else platform.processor()


if __name__ == "__main__":
    main()
