"""Write every table of results: ``make results``, an hour on two cores. Needs the evaluation footage beside the
repository. ``python benchmarks/results.py NETWORK ...`` measures only these again; all but the pictures follow.

Measures all networks with weights on Vid4 (the field's protocol, see ``stvsr.evaluation.measure``) and on held-out
shots of the footage, at each scale that they have; time alone on Middlebury; those for films as two stages and in four
passes; Unison with its flow off and for speed. Keeps numbers and pictures in ``docs/results``, writes the tables beside
the published numbers (``docs/results/README.md``), and fills the README and the weight cards between
``<!-- results -->`` and ``<!-- /results -->``.
"""

import json
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

from stvsr.data.footage import Shot, read_footage
from stvsr.evaluation.comparison import as_markdown, compare
from stvsr.evaluation.gallery import Gallery
from stvsr.evaluation.measure import (
    NetworkResult,
    Scores,
    SuiteResult,
    Watch,
    evaluate_suite,
    load_networks,
    load_two_stage,
)
from stvsr.evaluation.protocol import Task, make_task
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
KEPT = {scale: RESULTS / f"vid4-x{scale}.json" for scale in (2, 4)}
"""The tables' numbers by network, for each scale."""
UNISON = ("unison-s", "unison-m")
"""Those that are taken apart and timed."""
Row = dict[str, Any]


def main() -> None:
    again = sys.argv[1:]
    if unknown := set(again) - set(NETWORKS):
        sys.exit(f"No such network: {', '.join(sorted(unknown))}. Choose of {', '.join(NETWORKS)}.")
    gallery = None if again else Gallery(RESULTS / "vid4")
    rows = {scale: refreshed(scale, again, gallery.show if gallery and scale == 4 else None) for scale in KEPT}
    for scale, found in rows.items():
        for name in found:
            if name != "bicubic":
                card = file_of(name, scale).with_suffix(".md")
                fill(card, table({one: found[one] for one in ("bicubic", name)}, scale))
    on_vid4, page = beside_the_published(rows[4])
    (RESULTS / "README.md").write_text(page)
    fill(ROOT / "README.md", table(rows[4], 4))
    if gallery:
        gallery.close(compare(on_vid4))


def refreshed(scale: int, again: Sequence[str], watch: Watch | None) -> dict[str, Row]:
    """What is kept at a scale, with these networks measured again, or all."""
    kept, task = KEPT[scale], make_task(scale=scale)
    rows: dict[str, Row] = json.loads(kept.read_text()) if kept.exists() else {}
    names = [name for name in again or NETWORKS if name == "bicubic" or has_weights(name, scale)]
    networks = [(name, load_network(name, scale)) for name in names]
    if networks:  # clip by clip, so that pictures of a clip show all of them
        fresh = rows_of(evaluate_suite("vid4", VID4, networks, task=task, watch=watch))
        rows |= {name: fresh[name] | further(name, network, task) for name, network in networks}
        rows = {name: rows[name] for name in NETWORKS if name in rows}
        kept.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def further(name: str, network: Network, task: Task) -> Row:
    """On the other suites; of Unison also without its flow, and how fast."""
    row: Row = {"commit": commit()}
    if task.scale != 4:
        return row
    row["held_out"] = validate(network, held_out_shots())
    if 1 in ready_scales(name):
        time = make_task("time")
        row["in_time"] = rows_of(evaluate_suite("middlebury", MIDDLEBURY, load_networks([name], time), task=time))[name]
    if name not in UNISON:
        return row
    if name in everyday_networks():
        stages = [load_two_stage(first, name, task) for first in ("bicubic", name)]
        row["two_stage"] = rows_of(evaluate_suite("vid4", VID4, stages))
        four = RenderSettings(precision="fp32", passes=4)
        row["four_passes"] = rows_of(evaluate_suite("vid4", VID4, [(name, network)], settings=four))[name]
    row["flow_off"] = rows_of(evaluate_suite("vid4", VID4, [(name, network)], without="flow"))[name]
    return row | {"speed": speeds_of(name), "processor": processor()}


def rows_of(suite: SuiteResult) -> dict[str, Row]:
    """By network."""
    results: Any = as_json(suite)["results"]
    return {result["network"]: result for result in results}


def result_of(name: str, row: Row) -> NetworkResult:
    """And back, as far as tables show it."""
    scores = Scores(**{field.name: row[field.name] for field in fields(Scores)})
    return NetworkResult(network=name, scores=scores, clips={}, parameters=row["parameters"], macs=row["macs"])


def beside_the_published(rows: Mapping[str, Row]) -> tuple[SuiteResult, str]:
    """What was measured on Vid4, and the page of all suites."""

    def suite(name: str, task: Task, found: Mapping[str, Row]) -> SuiteResult:
        results = tuple(result_of(*one) for one in found.items())
        return SuiteResult(suite=name, task=task, without=None, results=results)

    staged = {label: row for network in rows.values() for label, row in network.get("two_stage", {}).items()}
    in_time = {name: row["in_time"] for name, row in rows.items() if "in_time" in row}
    on_vid4 = suite("vid4", make_task(), {**rows, **staged})
    alone = suite("middlebury", make_task("time"), in_time)
    pages = (as_markdown(compare(on_vid4)), as_markdown(compare(alone)), held_out_page(rows))
    page = "# Results beside the published ones\n\nWritten by `make results`; [the protocol](../evaluation.md).\n\n"
    return on_vid4, page + "\n\n".join(pages) + "\n\n![PSNR against parameters](vid4/quality.png)\n"


@cache
def held_out_shots() -> list[Shot]:
    return [shot for shot in read_footage(FOOTAGE.parent) if shot.name.startswith(unison_s(1).held_out)]


def held_out_page(rows: Mapping[str, Row]) -> str:
    """The middle seven frames of our own shots that no training saw."""
    lines = [
        "## Held-out shots of the training footage",
        "",
        "x4, 4 → 7, PSNR-Y in dB, mean over the shots: "
        + ", ".join(f"`{shot.name}`" for shot in held_out_shots())
        + ".",
        "",
        "| network | all | key | interpolated | SSIM-Y |",
        "|---|---|---|---|---|",
    ]
    for name, row in rows.items():
        scores = row["held_out"]
        values = " | ".join(f"{scores[field]:.2f}" for field in ("psnr_y_key", "psnr_y_interpolated"))
        lines.append(f"| {name} | **{scores['psnr_y']:.2f}** | {values} | {scores['ssim_y']:.4f} |")
    return "\n".join(lines)


def table(rows: Mapping[str, Row], scale: int) -> str:
    """Vid4 by network and clip, and the speed, as Markdown."""
    clips = "calendar", "city", "foliage", "walk"
    lines = [
        f"| Vid4, x{scale}, 4 → 7, PSNR-Y in dB | all | key | interpolated | {' | '.join(clips)} | SSIM-Y |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    kinds = {"four_passes": "--passes 4", "flow_off": "flow off"}
    more = [(f"{name}, {kinds[kind]}", row[kind]) for kind in kinds for name, row in rows.items() if kind in row]
    for name, result in [*rows.items(), *more]:
        by_clip = " | ".join(f"{result['clips'][clip]['psnr_y']:.2f}" for clip in clips)
        lines.append(
            f"| {name} | **{result['psnr_y']:.2f}** | {result['psnr_y_key']:.2f} | {result['psnr_y_interpolated']:.2f} "
            f"| {by_clip} | {result['ssim_y']:.4f} |"
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
    lines += ["", f"Written by `make results` at {when}; numbers in docs/results/{KEPT[scale].name}."]
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
