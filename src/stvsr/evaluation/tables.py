"""A suite's result for programs (JSON) and for readers (rows)."""

from dataclasses import asdict
from math import isfinite

from stvsr.evaluation.suites import Scores, SuiteResult

HEADINGS = ("network", "clip", "PSNR-Y", "SSIM-Y", "PSNR-Y key", "PSNR-Y interpolated")


def as_json(result: SuiteResult) -> dict[str, object]:
    """The object that ``stvsr evaluate --json`` promises; an infinite PSNR (nothing differs) becomes null."""
    return {
        "suite": result.suite,
        "without": result.without,
        "results": [
            {
                "network": one.network,
                **numbers(one.scores),
                "clips": {clip: numbers(scores) for clip, scores in one.clips.items()},
            }
            for one in result.results
        ],
    }


def as_rows(result: SuiteResult) -> list[tuple[str, ...]]:
    """A row under ``HEADINGS`` for each network and clip, and one for each network's mean over clips."""
    rows = []
    for one in result.results:
        label = one.network if result.without is None else f"{one.network} without {result.without}"
        rows += [(label, clip, *cells(scores)) for clip, scores in {**one.clips, "mean": one.scores}.items()]
    return rows


def numbers(scores: Scores) -> dict[str, float | None]:
    return {name: value if isfinite(value) else None for name, value in asdict(scores).items()}


def cells(scores: Scores) -> tuple[str, ...]:
    key, between = scores.psnr_y_key, scores.psnr_y_interpolated
    return f"{scores.psnr_y:.2f}", f"{scores.ssim_y:.4f}", f"{key:.2f}", f"{between:.2f}"
