"""What will be done, before a frame of it is: sizes, times, network, target, and what the user ought to know."""

import os
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import ceil, gcd
from pathlib import Path

import torch

from stvsr.errors import OutputError, SettingsError
from stvsr.inference import RenderSettings, Target, largest_deviation
from stvsr.inference.engine import PRECISIONS, find_device, find_precision, fitting_tile
from stvsr.inference.windows import WindowLayout, window_layout
from stvsr.networks import NETWORKS
from stvsr.networks.base import Network
from stvsr.video import VideoInfo, WriteSettings
from stvsr.video.codecs import choose_codec, plan_encoding
from stvsr.weights.catalog import UNTRAINED, entry_of, listed, ready_scales
from stvsr.weights.files import load_weights

SCALES = range(1, 9)
LARGEST_SIDE = 32768
PREFERRED, FALLBACK = "unison-s", "bicubic"
SUFFIXES = (".mp4", ".mkv", ".mov", ".webm")


@dataclass(frozen=True, slots=True, kw_only=True)
class EnhanceSettings:
    """What to make of a film. The default: four times as wide and high, twice as many frames."""

    scale: int = 4
    """1 to 8; every network serves every scale, by an exact bicubic step after it where need be."""
    height: int | None = None
    """Instead of a scale: the height in pixels of the picture as it is shown."""
    target: Target = field(default_factory=lambda: Target(factor=2))
    render: RenderSettings = field(default_factory=RenderSettings)
    network: str | None = None
    """None: ``unison-s`` where its weights are here, else ``bicubic``."""
    weights: Path | None = None
    """A weight file of your own."""
    allow_untrained: bool = False
    """Render with random weights where there are no trained ones: to see that a network runs, not for the film."""
    codec: str | None = None
    """None: what suits the target's container."""
    quality: int | None = None
    """The codec's own scale; None: its everyday value."""
    deinterlace: bool = False
    """Make one whole picture of each picture's two fields first."""
    segment: int = 120
    """Frames of the source that are rendered at a time: what is lost where the power fails. At least 1."""
    overwrite: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Decided before the work begins. Sizes are those of the stored picture, before any rotation."""

    target: Path
    is_folder: bool
    """Whether the target is a folder of pictures."""
    network: str
    network_scale: int
    size: tuple[int, int]
    """Width and height."""
    frames_out: int | None
    """Where the source tells how many frames it has and how long it lasts."""
    clock: Fraction
    """Seconds; every output frame's time is a multiple."""
    rate: Fraction | None
    """Frames per second; where the rate varies, their average."""
    render: RenderSettings
    """As asked for, with nothing left to be decided: device, precision and tile are named."""
    layout: WindowLayout
    """How windows follow each other, in frames of the source."""
    step: Fraction | None
    """Of which part of a frame every instant must be a multiple; None: any."""
    weights: Path | None
    allow_untrained: bool
    deinterlace: bool
    segment: int
    """The longest, in frames of the source."""
    writing: WriteSettings
    notes: tuple[str, ...]


def make_plan(source: str | Path, info: VideoInfo, target: str | Path | None, settings: EnhanceSettings) -> Plan:
    """Decide. Raises SettingsError for what cannot be. Whether the target is free, ``check_target`` says."""
    if settings.segment < 1:
        raise SettingsError(f"A segment holds at least 1 frame, but {settings.segment} was asked for. Try 120.")
    size = size_out(info, settings)
    name, scale, notes = choose_network(settings, wanted=Fraction(size[1], info.height))
    with torch.device("meta"):  # the facts are wanted, not the weights
        network = NETWORKS[name](scale=scale)
    step = network.spec.step
    deviation = largest_deviation(settings.target, step, info.average_rate if info.constant_rate else None)
    if deviation:
        notes += (f"{name} reaches some instants only to within {deviation} of a frame.",)
    slow = settings.target.slow_motion > 1
    if slow and info.streams:
        notes += ("sound, subtitles and chapters are left out: slow motion would leave them out of step",)
    place = Path(target) if target is not None else default_target(Path(source), info, settings)
    is_folder = str(target).endswith(("/", os.sep)) or place.is_dir()
    writing = WriteSettings(codec=settings.codec, quality=settings.quality, copy_streams=not slow)
    if not is_folder and str(place) != "-":
        check_encoding(writing, place, info, size)
    render = resolved(settings.render, network, info)
    return Plan(
        target=place,
        is_folder=is_folder,
        network=name,
        network_scale=scale,
        size=size,
        frames_out=None
        if info.frame_count is None or info.duration is None
        else count_out(settings.target, info.frame_count, info.duration),
        clock=clock_out(info, settings.target),
        rate=rate_out(info, settings.target),
        render=render,
        layout=window_layout(network.spec, render.window),
        step=step,
        weights=settings.weights,
        allow_untrained=settings.allow_untrained,
        deinterlace=settings.deinterlace,
        segment=settings.segment,
        writing=writing,
        notes=(*(r for r in info.remarks if not (settings.deinterlace and r.startswith("interlaced"))), *notes),
    )


def check_encoding(writing: WriteSettings, target: Path, info: VideoInfo, size: tuple[int, int]) -> None:
    """Raise OutputError where the container does not hold the codec, or the codec does not take the picture."""
    codec, _ = choose_codec(writing.codec, target.suffix)
    plan_encoding(codec, writing, info)
    codec.check_size(*size)


def resolved(settings: RenderSettings, network: Network, info: VideoInfo) -> RenderSettings:
    """The same settings with device, precision and tile decided, so that a job goes on as it began."""
    device = find_device(settings.device)
    precision = find_precision(settings, device, network)
    layout = window_layout(network.spec, settings.window)
    tile = settings.tile or max(16, fitting_tile(network, device, layout, info.height, info.width))
    name = next(name for name, number in PRECISIONS.items() if number is precision)
    return replace(settings, device=device.type, precision=name, tile=tile)  # pyright: ignore[reportArgumentType]


def size_out(info: VideoInfo, settings: EnhanceSettings) -> tuple[int, int]:
    """Width and height of the stored picture after the work."""
    if settings.scale not in SCALES:
        raise SettingsError(f"A scale of {settings.scale} was asked for. Choose 1 to 8, or give a --height instead.")
    if settings.height is None:
        size = info.width * settings.scale, info.height * settings.scale
    else:
        shown = info.width if info.rotation % 180 else info.height
        factor = Fraction(settings.height, shown)
        if not Fraction(1, 8) <= factor <= 8:
            raise SettingsError(
                f"A height of {settings.height} was asked for, but the film is {shown} pixels high. "
                f"Choose {ceil(shown / 8)} to {8 * shown}."
            )
        size = even(info.width * factor), even(info.height * factor)
        size = (settings.height, size[1]) if info.rotation % 180 else (size[0], settings.height)
    if max(size) > LARGEST_SIDE:
        raise SettingsError(
            f"The film is {info.width}x{info.height} and would become {size[0]}x{size[1]}; no side may be longer than "
            f"{LARGEST_SIDE} pixels. Choose a smaller --scale or --height."
        )
    return size


def even(length: Fraction) -> int:
    return max(2, 2 * round(length / 2))


def choose_network(settings: EnhanceSettings, *, wanted: Fraction) -> tuple[str, int, tuple[str, ...]]:
    """A network, the scale at which to use it, and what to tell the user about it."""
    notes: tuple[str, ...] = ()
    if settings.weights is not None:
        held = load_weights(settings.weights)
        name, scales = settings.network or held.network, (held.scale,)
    else:
        name = settings.network or (PREFERRED if ready_scales(PREFERRED) else FALLBACK)
        scales = ready_scales(name) or entry_of(name).scales  # without weights, loading them will say what is missing
        if settings.network is None and name == FALLBACK:
            notes = (
                f"There are no trained weights for {PREFERRED} here: using {FALLBACK}, which only resizes and blends. "
                f"The result will be larger and smoother, but not sharper.",
            )
        if not ready_scales(name) and settings.allow_untrained:
            notes = (UNTRAINED.format(name=name),)
    scale = next((scale for scale in scales if scale >= wanted), scales[-1])
    if scale != wanted:
        notes += (f"{name} enlarges by {listed(scales)}: by {scale}, then resized to {float(wanted):g} by bicubic.",)
    return name, scale, notes


def count_out(target: Target, frames: int, length: Fraction) -> int:
    """How many frames come out of so many frames, which together last so many seconds."""
    if target.fps is None:
        return frames * target.factor * target.slow_motion
    return ceil(length * target.fps * target.slow_motion)


def default_target(source: Path, info: VideoInfo, settings: EnhanceSettings) -> Path:
    """``holiday.mp4`` becomes ``holiday.x4.60fps.mp4`` beside it."""
    if str(source) == "-":
        raise SettingsError("A film from standard input has no name to derive the target's from. Give a TARGET.")
    size = f"x{settings.scale}" if settings.height is None else f"{settings.height}p"
    parts = [source.stem if source.is_file() else source.resolve().name, size]
    rate = rate_out(info, settings.target)
    if rate is not None and (info.constant_rate or settings.target.fps is not None):
        parts.append(f"{float(rate):.6g}fps")
    if settings.target.slow_motion > 1:
        parts.append(f"slow{settings.target.slow_motion}")
    suffix = source.suffix.lower() if source.suffix.lower() in SUFFIXES else ".mp4" if source.is_dir() else ".mkv"
    folder = source.parent if source.is_file() else source.resolve().parent
    return folder / (".".join(parts) + suffix)


def rate_out(info: VideoInfo, target: Target) -> Fraction | None:
    """Frames per second, where the source tells its own."""
    if target.fps is not None:
        return Fraction(target.fps)
    return None if info.average_rate is None else info.average_rate * target.factor


def clock_out(info: VideoInfo, target: Target) -> Fraction:
    """The largest unit of which every output time is a multiple; a microsecond where containers cannot hold that."""
    if target.fps is None:
        unit = info.time_base / target.factor
    else:
        start, step = info.start_time, 1 / Fraction(target.fps)
        common = start.denominator * step.denominator
        unit = Fraction(gcd(int(start * common), int(step * common)), common)
    return unit if unit.denominator < 2**31 else Fraction(1, 1_000_000)


def check_target(source: Path, target: Path, *, is_folder: bool, overwrite: bool) -> None:
    """Raise OutputError where the target may not be written: now rather than after hours of work."""
    if str(target) == "-":
        return
    if target.exists() and source.exists() and target.samefile(source):
        raise OutputError(f"{target} is the source itself. Give another name for the target.")
    if is_folder and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise OutputError(f"{target} is there already and not an empty folder. Give another name for the target.")
    if not is_folder and target.exists() and not overwrite:
        raise OutputError(f"{target} is there already. Give another name, or --overwrite to replace it.")
    if not target.resolve().parent.is_dir():
        raise OutputError(f"There is no folder {target.resolve().parent} to write {target.name} into. Create it first.")
