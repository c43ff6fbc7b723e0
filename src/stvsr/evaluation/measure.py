"""Known clips are made small and choppy, rendered, and measured against the originals.

    clip ── windows ── keys, cropped and shrunk ── network ── 8 bits ── metrics ── mean over frames, then over clips

Frames that another program rendered take the place of the network's. ``docs/evaluation.md`` explains the protocol.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from stvsr.data.degrade import from_bytes, round_to_8_bits, shrink
from stvsr.errors import SettingsError
from stvsr.evaluation.clips import cropped, read_clip
from stvsr.evaluation.further import Further, Neighbours
from stvsr.evaluation.metrics import absolute_error, luma, psnr, psnr_rgb, ssim, ssim_across_colours
from stvsr.evaluation.pooling import mean
from stvsr.evaluation.protocol import Channels, Sampling, Task, make_task, windows
from stvsr.evaluation.renderings import FP32, Rendering, rendered_before, rendered_by
from stvsr.evaluation.suites import suite_called
from stvsr.inference.engine import RenderSettings
from stvsr.networks import Network
from stvsr.networks.cost import cost
from stvsr.networks.two_stage import TwoStage
from stvsr.weights.catalog import CATALOG, entry_of, load_network

Progress = Callable[[float, str], None]
"""Told how much is done (0 ... 1) and what is being measured."""
Watch = Callable[[str, str, Tensor, Tensor], None]
"""Shown a network's name, a clip's, some of its rendered frames, and the originals (n c h w, [0, 1])."""
Measured = dict[str, Float[Tensor, " _"]]
"""A number per frame, or per pair of neighbours, by the field of ``Scores``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Means over frames (of a clip) or over clips (of a suite); None where no frame has such a number.

    PSNR in dB, infinite where nothing differs.
    """

    psnr_y: float
    ssim_y: float
    psnr_y_key: float | None
    """Of the frames whose small version the network saw."""
    psnr_y_interpolated: float | None
    """Of the frames between."""
    psnr_rgb: float
    ie: float
    """Mean absolute difference of RGB, in levels of 0 ... 255."""
    ssim_across_colours: float | None = None
    """Only on suites for which the field prints RGB."""
    niqe: float | None = None
    """This and what follows: only where it was asked for (``stvsr.evaluation.further``)."""
    lpips: float | None = None
    tof: float | None = None
    warping_error: float | None = None
    flicker: float | None = None
    psnr_moving: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkResult:
    network: str
    """Its name, or the folder that the frames come from."""
    scores: Scores
    clips: dict[str, Scores]
    parameters: int | None
    macs: int | None
    """Both as ``stvsr.networks.cost`` counts them; None for frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteResult:
    suite: str
    task: Task
    without: str | None
    """The part that was switched off in every network, if any."""
    results: tuple[NetworkResult, ...]


def evaluate_suite(
    name: str,
    data: str | Path,
    networks: Sequence[tuple[str, Network]],
    *,
    task: Task | None = None,
    frames: Sequence[str | Path] = (),
    further: Further | None = None,
    watch: Watch | None = None,
    without: str | None = None,
    settings: RenderSettings = FP32,
    progress: Progress | None = None,
) -> SuiteResult:
    """Measure networks, and frames that other programs rendered, on a suite.

    name: one of ``SUITES``. data: its folder. networks: names and networks. task: None: x2 in time and the networks'
    scale in space. frames: folders that hold a video or a folder of pictures for each clip of the suite, named like it.
    further: metrics that take long or need a file; the temporal ones need a suite of films, all frames scored.
    watch: is shown every scored frame with its original, clip by clip.
    without: switch a part off in every network first, such as "flow"; what the number loses is what the part is worth.
    settings: where to render and how; fp32 unless said otherwise, so that every machine gets the same numbers.
    Raises InputError where data or frames are missing or do not fit, SettingsError for an unknown suite or part and for
    networks that do not have the task's scale.
    """
    suite = suite_called(name)
    task = task or make_task(scale=networks[0][1].spec.scale if networks else None)
    sampling = suite.sampling(task)
    check_scales(networks, task)
    if further is not None and further.temporal and sampling.scored != "all":
        raise SettingsError(f"Motion is measured over all frames of a film, which {name} in {task.mode} mode has not.")
    if without is not None:
        networks = [(label, switched_off(label, network, without)) for label, network in networks]
    clips, named = suite.clips(Path(data)), dict(networks)
    costs = {label: cost(copy.deepcopy(network)) for label, network in networks}

    def rendering(label: str, clip: str) -> Rendering:
        if label in named:
            return rendered_by(named[label], sampling, settings)
        return rendered_before(Path(label), clip, clips[clip], sampling, most=suite.most_frames)

    scores: dict[str, dict[str, Scores]] = {label: {} for label in (*named, *map(str, frames))}
    steps = [(clip, label) for clip in clips for label in scores]
    for done, (clip, label) in enumerate(steps):
        if progress is not None:
            progress(done / len(steps), f"{label} on {clip}")
        originals = read_clip(clips[clip], least=sampling.least, most=suite.most_frames)
        seen = partial(watch, label, clip) if watch is not None else None
        scores[label][clip] = score(rendering(label, clip), originals, sampling, task, suite.channels, further, seen)
    results = tuple(
        NetworkResult(
            network=label,
            scores=mean_over_clips(list(of_clips.values())),
            clips=of_clips,
            parameters=costs[label].parameters if label in costs else None,
            macs=costs[label].macs if label in costs else None,
        )
        for label, of_clips in scores.items()
    )
    return SuiteResult(suite=name, task=task, without=without, results=results)


def score(
    rendering: Rendering,
    originals: Iterable[UInt8[Tensor, "c h w"]],
    sampling: Sampling,
    task: Task,
    channels: Channels = "Y",
    further: Further | None = None,
    watch: Callable[[Tensor, Tensor], None] | None = None,
) -> Scores:
    """Measure one clip. A frame that two windows render is taken from the first."""
    further, neighbours = further or Further(), Neighbours()
    measured: list[Measured] = []
    indices: list[int] = []
    done = 0
    for start, window in windows(originals, sampling.stride):
        wanted = [i for i in range(done - start, len(window)) if sampling.counts(start + i)]
        done = start + len(window)
        if wanted:
            truth = originals_of(window, task)
            images = round_to_8_bits(rendering(truth, wanted))
            if watch is not None:
                watch(images, truth[wanted])
            shown = [start + i for i in wanted]
            measured.append(
                measure(images, truth[wanted], channels)
                | further.of_frames(images, truth[wanted])
                | further.of_motion(*neighbours.joined(shown, images, truth[wanted]))
            )
            indices += shown
    names = {name for part in measured for name in part}
    whole = {name: torch.cat([part[name] for part in measured if name in part]) for name in names}
    return mean_over_frames(whole, torch.tensor(indices) % sampling.stride == 0)


def originals_of(window: list[UInt8[Tensor, "c h w"]], task: Task) -> Float[Tensor, "t c h2 w2"]:
    """What the rendered frames are compared with."""
    truth = from_bytes(cropped(torch.stack(window), task.scale))
    return shrink(truth, task.scale) if task.mode == "time" else truth


def measure(images: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"], channels: Channels = "Y") -> Measured:
    """Each frame's numbers. Both must be at least 11 x 11."""
    y, truth_y = luma(images), luma(truth)
    measured = {
        "psnr_y": psnr(y, truth_y),
        "ssim_y": ssim(y, truth_y),
        "psnr_rgb": psnr_rgb(images, truth),
        "ie": absolute_error(images, truth),
    }
    return measured | ({"ssim_across_colours": ssim_across_colours(images, truth)} if channels == "RGB" else {})


def mean_over_frames(measured: Measured, is_key: Bool[Tensor, " n"]) -> Scores:
    def psnr_of(chosen: Bool[Tensor, " n"]) -> float | None:
        return float(measured["psnr_y"][chosen].mean()) if chosen.any() else None

    means = {name: mean(values) for name, values in measured.items()}
    return Scores(**means, psnr_y_key=psnr_of(is_key), psnr_y_interpolated=psnr_of(~is_key))


def mean_over_clips(scores: Sequence[Scores]) -> Scores:
    rows = [asdict(score) for score in scores]
    means: dict[str, Any] = {}
    for name in rows[0]:
        column = [row[name] for row in rows]
        means[name] = None if None in column else fmean(column)
    return Scores(**means)


def load_networks(
    names: Sequence[str], task: Task, *, weights: Path | None = None, allow_untrained: bool = False
) -> list[tuple[str, Network]]:
    """Networks at a task's scale, as ``stvsr.weights.catalog.load_network`` finds them, with their names."""
    for name in names:
        if task.mode == "time" and 1 not in entry_of(name).scales:
            others = ", ".join(other for other, entry in CATALOG.items() if 1 in entry.scales)
            raise SettingsError(
                f"{name} cannot leave the size as it is, which time mode needs (scale 1). Networks that can: {others}. "
                f"Or measure it in space-time mode."
            )
    scale = task.enlargement
    return [(name, load_network(name, scale, weights=weights, allow_untrained=allow_untrained)) for name in names]


def load_two_stage(
    time: str, space: str, task: Task, *, time_first: bool = True, allow_untrained: bool = False
) -> tuple[str, Network]:
    """A network for time and one for space, one after the other, with a name that says so."""
    if task.mode != "space-time":
        raise SettingsError(f"Two stages are for space and time, but {task} was asked for. Name one network instead.")
    stages = {
        "time": load_networks([time], replace(task, mode="time"), allow_untrained=allow_untrained)[0][1],
        "space": load_network(space, task.scale, allow_untrained=allow_untrained),
    }
    first, second = (f"{time} (T)", f"{space} (S)") if time_first else (f"{space} (S)", f"{time} (T)")
    return f"{first} > {second}", TwoStage(**stages, time_first=time_first)


def check_scales(networks: Sequence[tuple[str, Network]], task: Task) -> None:
    for label, network in networks:
        if network.spec.scale != task.enlargement:
            raise SettingsError(
                f"{label} enlarges by {network.spec.scale}, the task is {task}. Load it at scale {task.enlargement}."
            )


def switched_off(label: str, network: Network, part: str) -> Network:
    """The network without one of its parts, if it knows how."""
    without = getattr(network, "without", None)
    if without is None:
        raise SettingsError(f"{label} has no part {part!r} that can be switched off. Leave --without away for it.")
    return without(part)
