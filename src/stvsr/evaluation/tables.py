"""A suite's result for programs (JSON) and for readers (rows, clip by clip). Beside the papers': ``comparison``."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite

from stvsr.evaluation.measure import Scores, SuiteResult
from stvsr.evaluation.protocol import VERSION

COLUMNS = {
    "psnr_y": ("PSNR-Y", 2),
    "ssim_y": ("SSIM-Y", 4),
    "psnr_y_key": ("PSNR-Y key", 2),
    "psnr_y_interpolated": ("PSNR-Y interpolated", 2),
    "psnr_rgb": ("PSNR-RGB", 2),
    "ie": ("IE", 3),
    "niqe": ("NIQE", 3),
    "lpips": ("LPIPS", 4),
    "tof": ("tOF", 3),
    "warping_error": ("E_warp", 6),
    "flicker": ("flicker", 3),
    "psnr_moving": ("PSNR-Y moving", 2),
}
"""Fields of ``Scores``, what stands above them, and how many digits are worth reading."""
FURTHER = ("niqe", "lpips", "tof", "warping_error", "flicker", "psnr_moving")
"""Left out where they were not measured."""


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
    """The headings, a row for each network and clip, and one for each network's mean over clips."""
    shown = [name for name in COLUMNS if name not in FURTHER or getattr(result.results[0].scores, name) is not None]
    rows: list[tuple[str, ...]] = [("network", "clip", *(COLUMNS[name][0] for name in shown))]
    for one in result.results:
        label = labelled(one.network, result.without)
        for clip, scores in {**one.clips, "mean": one.scores}.items():
            rows.append((label, clip, *(number(getattr(scores, name), COLUMNS[name][1]) for name in shown)))
    return rows


def labelled(network: str, without: str | None) -> str:
    return network if without is None else f"{network} without {without}"


def numbers(scores: Scores) -> dict[str, float | None]:
    return {name: value if value is not None and isfinite(value) else None for name, value in asdict(scores).items()}


def number(value: float | None, digits: int) -> str:
    """Nothing known is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"
