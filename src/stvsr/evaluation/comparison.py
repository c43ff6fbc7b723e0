"""Our numbers beside those that the papers print: where the protocol is the same. The others apart, with the reason."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from stvsr.evaluation.measure import NetworkResult, SuiteResult
from stvsr.evaluation.protocol import VERSION, Channels, Scored, Task
from stvsr.evaluation.published import Published, difference, on_suite
from stvsr.evaluation.suites import SUITES
from stvsr.evaluation.tables import labelled, number


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One system; None where nothing is known."""

    system: str
    source: str
    """Paper and table, or ``here``."""
    psnr: float | None
    ssim: float | None
    ie: float | None
    parameters: float | None
    """Millions."""
    macs: float | None
    """10^12 multiply-accumulates: four frames of 180x144 become seven."""
    seconds: float | None = None
    """Per output frame on this machine."""
    reason: str | None = None
    """Why it cannot be compared with ours, if so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    suite: str
    task: Task
    channels: Channels
    scored: Scored
    rows: tuple[Row, ...]
    """Ours, then those that were measured in the same way."""
    others: tuple[Row, ...]
    """Those that were not."""

    def __str__(self) -> str:
        frames = {"all": "all frames", "between": "the frames between the keys", "first": "the first key frame"}
        return (
            f"{SUITES[self.suite].title}, {self.task}; PSNR and SSIM on {self.channels}, {frames[self.scored]}; "
            f"protocol {VERSION}"
        )


def compare(result: SuiteResult, seconds: Mapping[str, float] | None = None) -> Comparison:
    """Put a result beside everything that is printed for its suite.

    seconds: per output frame on this machine, by network, where they were measured.
    """
    suite = SUITES[result.suite]
    scored = suite.sampling(result.task).scored
    ours = [
        our_row(one, labelled(one.network, result.without), suite.channels, (seconds or {}).get(one.network))
        for one in result.results
    ]
    theirs = [their_row(row, difference(row, result.task, suite.channels, scored)) for row in on_suite(result.suite)]
    return Comparison(
        suite=result.suite,
        task=result.task,
        channels=suite.channels,
        scored=scored,
        rows=(*ours, *merged([row for row in theirs if row.reason is None])),
        others=tuple(merged([row for row in theirs if row.reason is not None])),
    )


def our_row(one: NetworkResult, label: str, channels: Channels, seconds: float | None) -> Row:
    scores, on_y = one.scores, channels == "Y"
    return Row(
        system=label,
        source="here",
        psnr=scores.psnr_y if on_y else scores.psnr_rgb,
        ssim=scores.ssim_y if on_y else scores.ssim_across_colours,
        ie=None if on_y else scores.ie,
        parameters=None if one.parameters is None else one.parameters / 1e6,
        macs=None if one.macs is None else one.macs / 1e12,
        seconds=seconds,
    )


def their_row(row: Published, reason: str | None) -> Row:
    psnr, ssim, ie = (row.numbers.get(measure) for measure in ("psnr", "ssim", "ie"))
    return Row(
        system=row.system,
        source=row.source,
        psnr=psnr,
        ssim=ssim,
        ie=ie,
        parameters=row.parameters,
        macs=row.macs,
        reason=reason,
    )


def merged(rows: Sequence[Row]) -> list[Row]:
    """What several papers print alike is one row, with all sources."""
    found: dict[tuple[object, ...], Row] = {}
    for row in rows:
        key = (row.system, row.psnr, row.ssim, row.ie, row.reason)
        first = found.setdefault(key, row)
        if first is not row:
            found[key] = replace(
                first,
                source=f"{first.source}; {row.source}",
                parameters=row.parameters if first.parameters is None else first.parameters,
                macs=row.macs if first.macs is None else first.macs,
            )
    return list(found.values())


def columns(comparison: Comparison) -> dict[str, Callable[[Row], str]]:
    """The headings, and what stands below; without those that would stay empty."""
    on, rows = comparison.channels, (*comparison.rows, *comparison.others)
    every: dict[str, Callable[[Row], str]] = {
        "system": lambda row: row.system,
        "source": lambda row: row.source,
        f"PSNR-{on}": lambda row: number(row.psnr, 2 if on == "Y" else 3),
        f"SSIM-{on}": lambda row: number(row.ssim, 4 if on == "Y" else 3),
        "IE": lambda row: number(row.ie, 3),
        "parameters (M)": lambda row: number(row.parameters, 2),
        "MACs (T)": lambda row: number(row.macs, 3),
        "s per frame here": lambda row: number(row.seconds, 3),
    }
    return {name: text for name, text in every.items() if any(text(row) != "–" for row in rows)}


def as_markdown(comparison: Comparison) -> str:
    """Two tables of GitHub's Markdown."""

    def block(rows: Sequence[Row], shown: Mapping[str, Callable[[Row], str]]) -> list[str]:
        lines = [shown.keys(), ["---"] * len(shown), *([text(row) for text in shown.values()] for row in rows)]
        return ["| " + " | ".join(line) + " |" for line in lines]

    shown = columns(comparison)
    lines = [f"{comparison}.", "", *block(comparison.rows, shown)]
    if comparison.others:
        reasons = {**plain(shown), "why": lambda row: row.reason or ""}
        lines += ["", "Printed too, but not comparable:", "", *block(comparison.others, reasons)]
    return "\n".join(lines)


def plain(shown: Mapping[str, Callable[[Row], str]]) -> dict[str, Callable[[Row], str]]:
    """Headings that do not claim our channels for numbers of others."""
    return {name.removesuffix("-Y").removesuffix("-RGB"): text for name, text in shown.items()}


def as_csv(comparison: Comparison) -> str:
    """One line per row; the last column says why a row is not comparable."""
    shown = {**plain(columns(comparison)), "not comparable": lambda row: row.reason or ""}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(shown)
    writer.writerows([text(row) for text in shown.values()] for row in (*comparison.rows, *comparison.others))
    return file.getvalue().rstrip("\n")


def as_latex(comparison: Comparison) -> str:
    """A ``tabular`` for the package booktabs; what is not comparable stands in comments below."""
    shown = columns(comparison)
    lines = [
        f"% {comparison}",
        rf"\begin{{tabular}}{{ll{'r' * (len(shown) - 2)}}}",
        r"\toprule",
        " & ".join(map(escaped, shown)) + r" \\",
        r"\midrule",
        *(" & ".join(escaped(text(row)) for text in shown.values()) + r" \\" for row in comparison.rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    for row in comparison.others:
        lines.append("% not comparable: " + ", ".join(text(row) for text in shown.values()) + f" ({row.reason})")
    return "\n".join(lines)


def escaped(text: str) -> str:
    for sign in "&%$#_":
        text = text.replace(sign, f"\\{sign}")
    return text.replace("→", r"$\rightarrow$").replace("–", "--")


def as_object(comparison: Comparison) -> str:
    """JSON: the task, and all rows."""
    facts = {
        "suite": comparison.suite,
        "protocol": VERSION,
        **asdict(comparison.task),
        "channels": comparison.channels,
        "scored": comparison.scored,
        "rows": [asdict(row) for row in (*comparison.rows, *comparison.others)],
    }
    return json.dumps(facts, ensure_ascii=False, indent=1)


FORMATS: dict[str, Callable[[Comparison], str]] = {
    "md": as_markdown,
    "csv": as_csv,
    "json": as_object,
    "latex": as_latex,
}
