"""A suite's result for programs (JSON) and for readers (rows, clip by clip). Beside the papers': ``comparison``."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite

from stvsr.evaluation.measure import Scores, SuiteResult
from stvsr.evaluation.protocol import VERSION

HEADINGS = ("network", "clip", "PSNR-Y", "SSIM-Y", "PSNR-Y key", "PSNR-Y interpolated", "PSNR-RGB", "IE")


def as_json(result: SuiteResult, seconds: Mapping[str, float] | None = None) -> dict[str, object]:
    """The object that ``stvsr evaluate --json`` promises; an infinite PSNR (nothing differs) becomes null.

    seconds: per output frame on this machine, by network, where they were measured.
    """
    return {
        "suite": result.suite,
        "without": result.without,
        "protocol": VERSION,
        **asdict(result.task),
        "results": [
            {
                "network": one.network,
                **numbers(one.scores),
                "parameters": one.parameters,
                "macs": one.macs,
                "seconds_per_output_frame": (seconds or {}).get(one.network),
                "clips": {clip: numbers(scores) for clip, scores in one.clips.items()},
            }
            for one in result.results
        ],
    }


def as_rows(result: SuiteResult) -> list[tuple[str, ...]]:
    """A row under ``HEADINGS`` for each network and clip, and one for each network's mean over clips."""
    rows = []
    for one in result.results:
        label = labelled(one.network, result.without)
        rows += [(label, clip, *cells(scores)) for clip, scores in {**one.clips, "mean": one.scores}.items()]
    return rows


def labelled(network: str, without: str | None) -> str:
    return network if without is None else f"{network} without {without}"


def numbers(scores: Scores) -> dict[str, float | None]:
    return {name: value if value is not None and isfinite(value) else None for name, value in asdict(scores).items()}


def cells(scores: Scores) -> tuple[str, ...]:
    return (
        number(scores.psnr_y, 2),
        number(scores.ssim_y, 4),
        number(scores.psnr_y_key, 2),
        number(scores.psnr_y_interpolated, 2),
        number(scores.psnr_rgb, 2),
        number(scores.ie, 3),
    )


def number(value: float | None, digits: int) -> str:
    """Nothing known is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"
