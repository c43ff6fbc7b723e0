"""Test suites: known clips are made small and choppy, rendered, and measured against the originals.

The protocol is the field's for x4 in space and x2 in time, as the public code of Zooming Slow-Mo has it:

* every second frame is a key frame; a clip with an even number of frames drops its last one;
* key frames are cropped at the right and bottom to multiples of the scale, shrunk by MATLAB's bicubic and rounded to
  8 bits (``stvsr.data.degrade.shrink``);
* four key frames become seven frames; windows share a key frame (0-6, 6-12, ...), the last one is moved back so that
  it is whole; a frame rendered twice is scored as the first window gave it;
* the result is rounded to 8 bits; PSNR and SSIM on Y, per frame; mean over a clip's frames, then over clips.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import fmean

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from stvsr.data.degrade import from_bytes, round_to_8_bits, shrink, to_bytes
from stvsr.errors import InputError, SettingsError
from stvsr.evaluation.metrics import luma, psnr, ssim
from stvsr.inference.engine import Engine, RenderReport, RenderSettings
from stvsr.networks import Network
from stvsr.video.reader import read_frames

WINDOW = 7
MOST_FRAMES = 200
VID4 = {"calendar": 41, "city": 34, "foliage": 49, "walk": 47}
FP32 = RenderSettings(precision="fp32")
VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm", ".y4m"}

Progress = Callable[[float, str], None]
"""Told how much is done (0 ... 1) and what is being measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Means over frames (of a clip) or over clips (of a suite). PSNR in dB, infinite where nothing differs."""

    psnr_y: float
    ssim_y: float
    psnr_y_key: float
    """Of the frames whose small version the network saw."""
    psnr_y_interpolated: float
    """Of the frames between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    network: str
    scores: Scores
    clips: dict[str, Scores]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    suite: str
    without: str | None
    """The part that was switched off in every network, if any."""
    results: tuple[NetworkResult, ...]


def evaluate_suite(
    name: str,
    data: str | Path,
    networks: Sequence[tuple[str, Network]],
    *,
    without: str | None = None,
    settings: RenderSettings = FP32,
    progress: Progress | None = None,
) -> SuiteResult:
    """Measure networks on a suite.

    name: one of ``SUITES``. data: its folder. networks: names and networks, each measured at its own scale.
    without: switch a part off in every network first, such as "flow"; what the number loses is what the part is worth.
    settings: where to render and how; fp32 unless said otherwise, so that every machine gets the same numbers.
    Raises InputError where the data are missing or incomplete, SettingsError for an unknown suite or part.
    """
    if name not in SUITES:
        raise SettingsError(f"There is no suite called {name!r}. Choose one of: {', '.join(SUITES)}.")
    if without is not None:
        networks = [(label, switched_off(label, network, without)) for label, network in networks]
    clips = SUITES[name](Path(data))
    scores: dict[str, dict[str, Scores]] = {label: {} for label, _ in networks}
    steps = [(clip, label, network) for clip in clips for label, network in networks]
    held: tuple[str, Tensor] | None = None
    for done, (clip, label, network) in enumerate(steps):
        if progress is not None:
            progress(done / len(steps), f"{label} on {clip}")
        if held is None or held[0] != clip:
            held = clip, read_clip(clips[clip])
        scores[label][clip] = score_clip(network, held[1], settings)
    results = tuple(
        NetworkResult(network=label, scores=mean_over_clips(list(of_clips.values())), clips=of_clips)
        for label, of_clips in scores.items()
    )
    return SuiteResult(suite=name, without=without, results=results)


def score_clip(network: Network, originals: UInt8[Tensor, "t c h w"], settings: RenderSettings = FP32) -> Scores:
    """Measure a network on one clip of at least three frames."""
    engine = Engine(network, settings, RenderReport())
    scale = network.spec.scale
    height, width = (size // scale * scale for size in originals.shape[-2:])
    originals = originals[..., :height, :width]
    psnrs: list[Float[Tensor, " n"]] = []
    ssims: list[Float[Tensor, " n"]] = []
    scored = 0
    for window in windows(len(originals)):
        wanted = from_bytes(originals[window.start : window.stop])
        times = [Fraction(index, 2) for index in range(len(window))]
        rendered = render_all(engine, shrink(wanted[::2], scale), times)
        fresh = slice(scored - window.start, None)
        y, wanted_y = luma(round_to_8_bits(rendered[fresh])), luma(wanted[fresh])
        psnrs.append(psnr(y, wanted_y))
        ssims.append(ssim(y, wanted_y))
        scored = window.stop
    return mean_over_frames(torch.cat(psnrs), torch.cat(ssims))


def render_all(engine: Engine, keys: Float[Tensor, "t c h w"], times: Sequence[Fraction]) -> Float[Tensor, "s c H W"]:
    """Render a window; a network that takes fewer key frames at once gets it piece by piece, sharing a key frame."""
    most = engine.spec.max_frames
    if most is None or len(keys) <= most:
        return engine.render_clip(keys, list(times))
    rendered = []
    for first in range(0, len(keys) - 1, most - 1):
        part = keys[first : first + most]
        last = first + most >= len(keys)
        within = [time - first for time in times if first <= time and (time < first + most - 1 or last)]
        if within:
            rendered.append(engine.render_clip(part, within))
    return torch.cat(rendered)


def windows(count: int) -> Iterator[range]:
    """The frames of each window of a clip with ``count`` frames, at least 3. All start at a key frame."""
    count -= 1 - count % 2
    size = min(WINDOW, count)
    for start in [*range(0, count - size, size - 1), count - size]:
        yield range(start, start + size)


def mean_over_frames(psnrs: Float[Tensor, " t"], ssims: Float[Tensor, " t"]) -> Scores:
    return Scores(
        psnr_y=float(psnrs.mean()),
        ssim_y=float(ssims.mean()),
        psnr_y_key=float(psnrs[::2].mean()),
        psnr_y_interpolated=float(psnrs[1::2].mean()),
    )


def mean_over_clips(scores: Sequence[Scores]) -> Scores:
    rows = [asdict(score) for score in scores]
    return Scores(**{field: fmean(row[field] for row in rows) for field in rows[0]})


def switched_off(label: str, network: Network, part: str) -> Network:
    """The network without one of its parts, if it knows how."""
    without = getattr(network, "without", None)
    if without is None:
        raise SettingsError(f"{label} has no part {part!r} that can be switched off. Leave --without away for it.")
    return without(part)


def vid4_clips(data: Path) -> dict[str, Path]:
    """The four clips of Vid4, complete."""
    clips = {name: data / name for name in VID4}
    found = {name: len(list(path.glob("[!.]*.*"))) for name, path in clips.items()}
    if found != VID4:
        counts = ", ".join(f"{name} has {count} of {VID4[name]} frames" for name, count in found.items())
        raise InputError(
            f"{data} does not hold Vid4: {counts}. "
            f"Point --data at a folder with the sub-folders calendar, city, foliage and walk, one picture per frame. "
            f"Vid4 (Liu and Sun, 2011) comes with most video super-resolution projects; take the original frames (GT)."
        )
    return clips


def clips_in(data: Path) -> dict[str, Path]:
    """Every video, and every sub-folder of pictures, is a clip; only the first ``MOST_FRAMES`` frames of each count."""
    if not data.is_dir():
        raise InputError(f"There is no folder {data}. Point --data at a folder of videos, or of folders of pictures.")
    shown = [path for path in sorted(data.iterdir()) if not path.name.startswith(".")]
    clips = {path.name: path for path in shown if path.is_dir() or path.suffix.lower() in VIDEOS}
    if not clips:
        raise InputError(
            f"{data} holds no clip. Put videos ({', '.join(sorted(VIDEOS))}) or folders of pictures in it, "
            f"each without cuts."
        )
    return clips


def read_clip(path: Path) -> UInt8[Tensor, "t c h w"]:
    """The frames of a clip, as bytes: a quarter of the memory."""
    frames = [to_bytes(frame.image) for frame in islice(read_frames(path), MOST_FRAMES)]
    if len(frames) < 3:
        raise InputError(
            f"{path} has {len(frames)} frames, but a frame between two others takes 3. Leave this clip out."
        )
    return torch.stack(frames)


SUITES: dict[str, Callable[[Path], dict[str, Path]]] = {"vid4": vid4_clips, "folder": clips_in}
