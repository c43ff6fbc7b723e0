"""Frames in, frames out: the network on its device, fed window by window and, where memory asks for it, tile by tile.

    frames ── intervals ── windows ── tiles ── network ── frames out

Every arrow is a generator; what is alive at once is one window, however long the film.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property
from itertools import chain, groupby, islice, repeat
from math import isfinite
from time import perf_counter
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Frame, Times
from stvsr.errors import InputError, SettingsError, WeightsError
from stvsr.inference import int8, onnx, timeline
from stvsr.inference.graphs import GraphedNetwork
from stvsr.inference.memory import frames_that_fit, is_out_of_memory, keep_freed_memory, tile_that_fits
from stvsr.inference.tiles import render_tiled, smallest_tile
from stvsr.inference.timeline import Interval, Target
from stvsr.inference.views import VIEWS, View
from stvsr.inference.windows import Window, WindowLayout, window_layout, windows
from stvsr.networks.base import Network
from stvsr.ops.resize import resize_to
from stvsr.ops.streams import settled

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """How to render; the defaults suit the machine.

    device: "auto" takes a GPU where there is one. precision: "auto" takes what the hardware is fastest in: bf16 or
    fp16, or on most CPUs int8, for networks that lose nothing by it. tile: edge of a tile in
    input pixels, at least 16; None: as large as the memory allows. window: key frames seen at once, at least 2; None:
    what suits the network. compile: translate the network first, which takes minutes and pays off on long films.
    runtime: what runs the network; "onnx" is ONNX Runtime, in fp32 and smaller windows, and exports the network first
    (see ``stvsr.inference.onnx``); "graphs" records it as CUDA graphs (see ``stvsr.inference.graphs``). passes: 1, 2, 4
    or 8; so many views of every clip are rendered and their mean is kept (see ``stvsr.inference.views``).
    Raises SettingsError for values that cannot work.
    """

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    tile: int | None = None
    window: int | None = None
    compile: bool = False
    runtime: Literal["torch", "onnx", "graphs"] = "torch"
    passes: int = 1

    def __post_init__(self) -> None:
        if self.device not in DEVICES:
            raise SettingsError(f"No device is called {self.device!r}. Choose from {', '.join(DEVICES)}.")
        if self.precision not in PRECISIONS:
            raise SettingsError(f"No precision is called {self.precision!r}. Choose from {', '.join(PRECISIONS)}.")
        if self.tile is not None and self.tile < 16:
            raise SettingsError(f"Tiles must be at least 16 pixels wide, but {self.tile} was asked for. Try 256.")
        if self.window is not None and self.window < 2:
            raise SettingsError(f"A window holds at least 2 frames, but {self.window} was asked for. Try 14.")
        if self.passes not in PASSES:
            raise SettingsError(f"A clip is rendered 1, 2, 4 or 8 times, but {self.passes} was asked for. Try 4.")
        if self.compile and self.precision == "int8":
            raise SettingsError("torch.compile does not translate int8. Choose another precision, or do not compile.")
        if self.compile and self.runtime != "torch":
            raise SettingsError(f"Both {self.runtime} and torch.compile were asked to run the network. Choose one.")
        if self.runtime == "onnx":
            object.__setattr__(self, "precision", "fp32")
            object.__setattr__(self, "window", self.window or onnx.WINDOW)


FLAT, NOT_FLAT = 0.5 / 255, 8 / 255
"""Standard deviation of a colour over a tile: less than this is one colour to the eye, more than that is a picture."""
PASSES = (1, 2, 4, 8)
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = {"auto": None, "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16, "int8": torch.int8}


@dataclass(slots=True, kw_only=True)
class RenderReport:
    """What happened while rendering, filled in as it happens."""

    seconds: float = 0.0
    """Spent in the network; the rest of the time was spent waiting for frames or for whoever takes them."""
    tile: int | None = None
    """The edge of a tile in input pixels, as it stands."""
    remarks: list[str] = field(default_factory=list)
    """What the user may want to know, one sentence each: smaller tiles, a window done again in fp32."""


def render(
    frames: Iterable[Frame],
    network: Network,
    target: Target | None = None,
    settings: RenderSettings | None = None,
    report: RenderReport | None = None,
) -> Iterator[Frame]:
    """Enlarge and re-time a film. Yields frames with values in [0, 1], fp32 on the CPU, in the order of their times.

    frames: all of one size, times ascending, cuts marked. network: any; it is moved to the device and set to eval.
    A network of fixed step is fed its own frames, shrunk by bicubic, until it reaches each instant or comes near
    (see ``largest_deviation``). Memory does not grow with the length of the film.
    Raises SettingsError for a missing device or a picture that fits in no way; while running also InputError for
    frames that do not fit together and WeightsError for a network that returns no numbers.
    """
    engine = Engine(network, settings or RenderSettings(), report or RenderReport())
    rendered = render_part(engine, frames, target or Target())
    return (replace(frame, image=frame.image.cpu()) for frame in rendered)


def render_part(
    engine: "Engine",
    frames: Iterable[Frame],
    target: Target,
    *,
    start: Fraction | None = None,
    own: tuple[Fraction, Fraction] | None = None,
) -> Iterator[Frame]:
    """As ``render``, for a stretch of a longer film. The frames lie on the engine's device, and are ``settled``.

    start: when the film's first frame appears, in source seconds. own: from when to before when frames out are wanted,
    in output seconds; the frames around them are context. A stretch whose context begins where a window of the whole
    film begins (see ``windows.borders``) gives the same frames as the whole film does, bit for bit.
    """
    step = engine.spec.step
    intervals = timeline.intervals(frames, target, start)
    if step is not None:
        depth = timeline.depth(target, step)
        grid = step**depth
        intervals = (timeline.rounded(interval, grid) for interval in intervals)
        for _ in range(depth - 1):
            intervals = nearer(engine, intervals, step)
    if own is not None:
        intervals = (timeline.between(interval, *own) for interval in intervals)
    for interval, images in engine.render(intervals, lambda interval: [instant.t for instant in interval.instants]):
        for instant, image in zip(interval.instants, images, strict=True):
            yield Frame(image=image, time=instant.time, duration=instant.duration, starts_shot=instant.starts_shot)


def nearer(engine: "Engine", intervals: Iterable[Interval], step: Fraction) -> Iterator[Interval]:
    """Split intervals where a network of fixed step must come nearer: its own frames, shrunk, become keys."""
    for interval, images in engine.render(intervals, lambda interval: timeline.split_points(interval, step)):
        keys = [resize_to(image, *interval.image.shape[-2:]).clamp(0, 1).to(interval.image.device) for image in images]
        yield from timeline.split(interval, step, keys) if keys else [interval]


class Engine:
    """A network on its device. Remembers, for one film, which tile turned out to fit: ``tile`` may be set and read."""

    def __init__(self, network: Network, settings: RenderSettings, report: RenderReport) -> None:
        self.device = find_device(settings.device)
        if settings.runtime == "graphs" and self.device.type != "cuda":
            raise SettingsError(
                f"CUDA graphs need a CUDA device, but the network runs on {self.device}. Leave them out."
            )
        self.precision = find_precision(settings, self.device, network)
        if self.device.type == "cpu":
            keep_freed_memory()
        # channels last: what tensor cores read, and on a CPU half again as fast for convolutions
        self.network = network.to(self.device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
        self.settings = settings
        self.call = self.way_to_call()
        self.spec = network.spec
        self.layout = window_layout(network.spec, settings.window)
        self.tile = settings.tile
        self.report = report

    def way_to_call(self) -> Callable[[Tensor, Times], Tensor]:
        """What is called in place of the network."""
        if self.settings.runtime == "onnx":
            return onnx.OnnxNetwork(self.network)
        if self.settings.runtime == "graphs":
            return GraphedNetwork(self.network)
        return torch.compile(self.network) if self.settings.compile else self.network

    def render(
        self, intervals: Iterable[Interval], asked: Callable[[Interval], Iterable[Fraction]]
    ) -> Iterator[tuple[Interval, Iterator[Tensor]]]:
        """Each interval with its pictures at the asked places in it, to be taken before the next interval."""
        for window in windows(intervals, self.layout):
            yield from self.render_window(window, [tuple(asked(window.keys[i])) for i in window.own])

    def render_window(
        self, window: Window, places: list[tuple[Fraction, ...]]
    ) -> Iterator[tuple[Interval, Iterator[Tensor]]]:
        """The window's own intervals, each with its pictures at the given places in it."""
        times = [i + t for i, ts in zip(window.own, places, strict=True) for t in ts]
        images = self.pictures(window, times)
        for i, ts in zip(window.own, places, strict=True):
            yield window.keys[i], islice(images, len(ts))

    def pictures(self, window: Window, times: list[Fraction]) -> Iterator[Float[Tensor, "c H W"]]:
        """One picture for each time, counted in the window's keys; equal times share a picture.

        Rendered in parts: however many instants a window holds, few finished pictures are alive.
        """
        if not times:
            return
        clip = stack(window)
        distinct = [(time, len(list(run))) for time, run in groupby(times)]
        count = frames_that_fit(clip.shape[-2], clip.shape[-1], self.spec.scale, self.device)
        for first in range(0, len(distinct), count):
            part = distinct[first : first + count]
            keys = self.keys_around(part[0][0], part[-1][0], len(clip))
            images = self.render_clip(clip[keys.start : keys.stop], [time - keys.start for time, _ in part])
            yield from chain.from_iterable(
                repeat(image, copies) for image, (_, copies) in zip(images.unbind(), part, strict=True)
            )
            del images  # the next part needs the room

    def keys_around(self, earliest: Fraction, latest: Fraction, count: int) -> range:
        """Which of a window's keys matter to these times: no more is computed than that. With ONNX, where every number
        of keys is a file of its own, all."""
        if self.settings.runtime == "onnx":
            return range(count)
        start = max(int(earliest) - self.layout.before, 0)
        stop = min(int(latest) + self.layout.after + 1, count)
        start = max(min(start, stop - self.spec.min_frames), 0)
        return range(start, min(max(stop, start + self.spec.min_frames), count))

    def render_clip(self, clip: Float[Tensor, "t c h w"], times: list[Fraction]) -> Float[Tensor, "s c H W"]:
        """Render a clip at some instants, tile by tile; where memory runs out, with half the tile from then on."""
        clip = self.padded(clip)
        if self.tile is None:
            self.tile = fitting_tile(self.network, self.device, self.layout, *clip.shape[-2:])
        began = perf_counter()
        while True:
            try:
                images = render_tiled(lambda part: self.render_tile(part, times), clip, self.spec, self.tile)
                images = settled(images.clamp(0, 1))
                self.report.seconds += perf_counter() - began
                self.report.tile = self.tile
                return images
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # outside the handler, so that nothing holds on to the tensors of the failed attempt
            self.halve_tile(*clip.shape[-2:])

    def render_tile(self, clip: Float[Tensor, "t c h w"], times: list[Fraction]) -> Float[Tensor, "s c H W"]:
        images, exact = self.run(clip, times, self.precision), self.precision == torch.float32
        if not exact and (trouble := what_is_wrong(images, clip)):
            self.remark(f"The network gave {trouble} in low precision; that part was rendered again in fp32.")
            images, exact = self.run(clip, times, torch.float32), True
        if exact and not are_numbers(images):
            raise WeightsError(
                f"{type(self.network).__name__} returned values that are not numbers, even in fp32. Its weights are "
                f"probably damaged: fetch them again, or choose another network."
            )
        return images

    @torch.inference_mode()
    def run(
        self, clip: Float[Tensor, "t c h w"], times: list[Fraction], precision: torch.dtype
    ) -> Float[Tensor, "s c H W"]:
        """By the network, in as many views as were asked for."""
        first, *others = VIEWS[: self.settings.passes]
        images = self.seen(first, clip, times, precision)
        for view in others:
            images = images + self.seen(view, clip, times, precision)
        return images / self.settings.passes if others else images

    def seen(
        self, view: View, clip: Float[Tensor, "t c h w"], times: list[Fraction], precision: torch.dtype
    ) -> Float[Tensor, "s c H W"]:
        clip, times = view.of(clip), view.times(times, len(clip) - 1)
        call = self.call_int8 if precision == torch.int8 else self.call
        with torch.autocast(self.device.type, dtype=precision, enabled=precision in (torch.bfloat16, torch.float16)):
            return view.undone(call(clip[None].to(self.device), times)[0].float())

    @cached_property
    def call_int8(self) -> Network:
        return int8.network_in_int8(self.network)

    def padded(self, clip: Tensor) -> Tensor:
        """Repeat the last frame of a shot too short for the network."""
        missing = self.spec.min_frames - clip.shape[0]
        return clip if missing <= 0 else torch.cat([clip, clip[-1:].expand(missing, -1, -1, -1)])

    def halve_tile(self, height: int, width: int) -> None:
        tile, smallest = min(self.tile or height, max(height, width)), smallest_tile(self.spec)
        if tile <= smallest:
            raise SettingsError(
                f"A tile of {tile} pixels is still too large for the memory of {self.device}. Close other programs, "
                f"or ask for another --device or a smaller --network."
            )
        self.tile = max(smallest, (tile + 1) // 2)
        if self.device.type == "cuda":
            self.call = self.way_to_call()  # graphs keep memory
            torch.cuda.empty_cache()
        self.remark(f"Memory ran out at tiles of {tile} pixels; going on with {self.tile}.")

    def remark(self, sentence: str) -> None:
        log.warning(sentence)
        if sentence not in self.report.remarks:
            self.report.remarks.append(sentence)


def fitting_tile(network: Network, device: torch.device, layout: WindowLayout, height: int, width: int) -> int:
    """The edge of the tiles, in input pixels, in which pictures of this size are rendered unless told otherwise."""
    waiting = frames_that_fit(height, width, network.spec.scale, device)
    return tile_that_fits(network, device, layout.length + waiting)


def what_is_wrong(images: Float[Tensor, "s c H W"], clip: Float[Tensor, "t c h w"]) -> str | None:
    """What low precision did to a tile: numbers out of range, or one colour where the source has a picture."""
    if not are_numbers(images):
        return "values that are not numbers"
    return "a flat picture" if contrast(clip) > NOT_FLAT and contrast(images) < FLAT else None


def are_numbers(images: Tensor) -> bool:
    """Whether all are. By their ends, which one pass finds."""
    return all(map(isfinite, torch.aminmax(images)))


def contrast(pictures: Float[Tensor, "n c h w"]) -> Float[Tensor, ""]:
    """The standard deviation of the most colourful colour, in the flattest picture. A sixteenth of the pixels tells."""
    return pictures[..., ::4, ::4].flatten(2).std(2, correction=0).amax(1).min()


def stack(window: Window) -> Float[Tensor, "t c h w"]:
    sizes = {tuple(key.image.shape[-2:]) for key in window.keys}
    if len(sizes) > 1:
        found = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise InputError(f"The source changes its size within a shot: {found} pixels. Resize it to one size first.")
    return torch.stack([key.image for key in window.keys])


def find_device(name: str) -> torch.device:
    """The device that a setting means. Raises SettingsError where it is not there."""
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next(kind for kind in ("cuda", "mps", "cpu") if there[kind]))
    if not there[name]:
        raise SettingsError(f"PyTorch finds no device {name!r} here. Use --device auto, or install PyTorch for it.")
    return torch.device(name)


def find_precision(settings: RenderSettings, device: torch.device, network: Network) -> torch.dtype:
    """The precision that a setting means: "auto" is fp32 unless the hardware really computes in less.

    Raises SettingsError for int8 where there is no such convolution.
    """
    name = settings.precision
    if name == "int8" and (device.type != "cpu" or not int8.is_there()):
        raise SettingsError(
            "int8 needs an x86 processor with VNNI. Use --precision auto, which takes what suits this one."
        )
    if name != "auto":
        return PRECISIONS[name]  # pyright: ignore[reportReturnType]  # None is that of "auto"
    if next(network.parameters(), None) is None:
        return torch.float32  # nothing to gain where there are no layers, as in bicubic
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu":
        if processor_has("amx_tile"):
            return torch.bfloat16
        if network.spec.int8 and int8.is_there() and not settings.compile:
            return torch.int8
        if processor_has("avx512_bf16"):
            return torch.bfloat16
    return torch.float32


def processor_has(instructions: str) -> bool:
    """Whether the processor computes in bf16 with these. Without them it is emulated, and slower than fp32."""
    ask = getattr(torch.cpu, f"_is_{instructions}_supported", None)  # a private name, so ask politely
    return ask is not None and ask()
