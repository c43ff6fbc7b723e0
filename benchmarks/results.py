"""Write every table of results: ``make results``, an hour on two cores. Needs the evaluation footage beside the
repository. ``python benchmarks/results.py NETWORK ...`` measures only these on Vid4, for the README and the cards.

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
from typing import Any

from stvsr.data.footage import read_footage
from stvsr.evaluation.comparison import as_markdown, compare
from stvsr.evaluation.gallery import Gallery
from stvsr.evaluation.measure import SuiteResult, evaluate_suite, load_networks, load_two_stage
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
KEPT = RESULTS / "vid4-x4.json"
"""The tables' numbers, by network."""
UNISON = ("unison-s", "unison-m")
"""Those that are taken apart and timed."""


def main() -> None:
    if sys.argv[1:]:
        measure_again(sys.argv[1:])
    else:
        measure_all()


def measure_all() -> None:
    names = ["bicubic"] + [name for name in NETWORKS if name != "bicubic" and has_weights(name, 4)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    gallery = Gallery(RESULTS / "vid4")
    measured = [(name, load_network(name, 4)) for name in names]
    result = evaluate_suite("vid4", VID4, measured, watch=gallery.show)
    gallery.close(compare(result))
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
    write_tables(rows_of(result, measured))


def measure_again(names: Sequence[str]) -> None:
    """Only these; the rest of the tables as they were. The pages of pictures and of published numbers wait."""
    measured = [(name, load_network(name, 4)) for name in names]
    rows = json.loads(KEPT.read_text()) | rows_of(evaluate_suite("vid4", VID4, measured), measured)
    write_tables({name: rows[name] for name in NETWORKS if name in rows})


def rows_of(whole: SuiteResult, measured: Sequence[tuple[str, Network]]) -> dict[str, dict]:
    """What is kept of each network: its quality; of Unison also what it is without its flow, and how fast."""
    rows = {name: row | {"commit": commit()} for name, row in by_network(whole).items()}
    ours = [(name, network) for name, network in measured if name in UNISON]
    still = by_network(evaluate_suite("vid4", VID4, ours, without="flow")) if ours else {}
    for name, row in still.items():
        rows[name] |= {"flow_off": row, "speed": speeds_of(name), "processor": processor()}
    return rows


def by_network(suite: SuiteResult) -> dict[str, dict]:
    results: Any = as_json(suite)["results"]
    return {result["network"]: result for result in results}


def write_tables(rows: dict[str, dict]) -> None:
    """The README's has all rows, a card's the network's own beside bicubic."""
    KEPT.write_text(json.dumps(rows, indent=1) + "\n")
    fill(ROOT / "README.md", table(rows))
    for name in rows:
        if name != "bicubic":
            fill(file_of(name, 4).with_suffix(".md"), table({one: rows[one] for one in ("bicubic", name)}))


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


def table(rows: dict[str, dict]) -> str:
    """Vid4 by network and clip, and the speed, as Markdown."""
    lines = [
        "| Vid4, x4, 4 → 7, PSNR-Y in dB | all | key | interpolated | calendar | city | foliage | walk | SSIM-Y |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    without = [(f"{name}, flow off", row["flow_off"]) for name, row in rows.items() if "flow_off" in row]
    for name, result in [*rows.items(), *without]:
        clips = " | ".join(f"{result['clips'][clip]['psnr_y']:.2f}" for clip in ("calendar", "city", "foliage", "walk"))
        lines.append(
            f"| {name} | **{result['psnr_y']:.2f}** | {result['psnr_y_key']:.2f} | {result['psnr_y_interpolated']:.2f} "
            f"| {clips} | {result['ssim_y']:.4f} |"
        )
    for name, row in rows.items():
        for precision, speed in row.get("speed", {}).items():
            lines += [
                "",
                f"{name} on {row['processor']}, {precision}: {speed['seconds_per_output_frame']:.3f} s per 720x576 "
                f"frame, {speed['fraction_of_ceiling']:.2f} of the rate of a plain convolution timed in the same run, "
                f"peak memory {speed['peak_memory_bytes'] / 2**20:.0f} MiB.",
            ]
    commits = {row["commit"]: [name for name in rows if rows[name]["commit"] == row["commit"]] for row in rows.values()}
    when = ", ".join(
        f"commit {commit}" + (f" ({', '.join(names)})" if len(commits) > 1 else "") for commit, names in commits.items()
    )
    lines += ["", f"Written by `make results` at {when}; numbers in docs/results/vid4-x4.json."]
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
