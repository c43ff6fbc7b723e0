"""Footage held in memory as a source: its classical flow is known beforehand, so crops are drawn by it."""

import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.choice import GRID, shrunk, texture_of, windowing, worth
from stvsr.data.flow import flow_pair, half_grey
from stvsr.data.footage import Shot
from stvsr.data.source import Cadence, Cut, Size, surrounded
from stvsr.errors import TrainingError

STRIDES = (1, 2)
"""Every frame, or every second one: fast motion is rare in the footage. Input frames lie at most 4 frames apart."""
FARTHEST = 4


@dataclass(frozen=True, slots=True)
class Places:
    """All places to cut a clip of some cadence and size, and their cumulated weights."""

    places: list[tuple[int, int, int, int, int]]
    """Shot, stride, first frame, top and left."""
    weights: list[float]


@dataclass(kw_only=True)
class ShotSource:
    """Shots without cuts, and the flow between their frames at a quarter of their size."""

    clips: Sequence[Shot]
    name: str = "footage in memory"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    """Where the frames are held and cut."""
    flows: dict[tuple[int, int], Float[Tensor, "t2 way 2 y x"]] = field(init=False, default_factory=dict)
    """By shot and distance in frames: flow from frame i to frame i + distance (way 0) and back (way 1), in pixels of
    the frames."""
    places: dict[tuple[Cadence, Size], Places] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.clips = [replace(shot, frames=on_grid(shot.frames).to(self.device)) for shot in self.clips]

    def only(self, wanted: Callable[[str], bool]) -> "ShotSource":
        numbers = [number for number, shot in enumerate(self.clips) if wanted(shot.name)]
        source = replace(self, clips=[self.clips[number] for number in numbers])
        anew = {number: place for place, number in enumerate(numbers)}
        source.flows = {(anew[number], apart): held for (number, apart), held in self.flows.items() if number in anew}
        return source

    def prepare(self, cadences: Sequence[Cadence], size: Size) -> None:
        if size.height % GRID or size.width % GRID:
            raise TrainingError(f"Crops of footage must be multiples of {GRID} pixels, not {size.width}x{size.height}.")
        distances = {cadence.factor * stride for cadence in cadences for stride in STRIDES} & set(range(FARTHEST + 1))
        missing = [
            number
            for number, shot in enumerate(self.clips)
            if any(distance < len(shot) and (number, distance) not in self.flows for distance in distances)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for flows in pool.map(lambda number: self.find_flows(number, distances), missing):
                self.flows |= flows
        for cadence in cadences:
            if (cadence, size) not in self.places:
                self.places[cadence, size] = self.score_places(cadence, size)

    def find_flows(self, number: int, distances: set[int]) -> dict[tuple[int, int], Float[Tensor, "t2 way 2 y x"]]:
        """The flows of one shot."""
        frames = self.clips[number].frames
        grey = half_grey(frames.cpu())
        quarter = (frames.shape[-2] // GRID, frames.shape[-1] // GRID)
        return {
            (number, distance): torch.stack(
                [flow_pair(grey[i], grey[i + distance], quarter) for i in range(len(grey) - distance)]
            )
            .mul(frames.shape[-1] / quarter[1])
            .half()
            .to(self.device)
            for distance in distances
            if distance < len(grey)
        }

    def score_places(self, cadence: Cadence, size: Size) -> Places:
        """Where there is motion and texture there is something to learn."""
        places: list[tuple[int, int, int, int, int]] = []
        weights: list[float] = []
        window, cell = windowing(size)
        for number, shot in enumerate(self.clips):
            for stride in STRIDES:
                span = cadence.span(stride)
                flows = self.flows.get((number, cadence.factor * stride))
                height, width = shot.frames.shape[-2:]
                if flows is None or len(shot) < span or height < size.height or width < size.width:
                    continue
                starts = range(0, len(shot) - span + 1, 2)
                texture = texture_of(shrunk(shot.frames[list(starts)]), window, cell)
                speed = flows[list(starts), 0].float().square().sum(1, keepdim=True).sqrt() / GRID
                motion = F.avg_pool2d(speed, window, cell)
                score = (0.003 + texture) * worth(motion) * shot.share * (1.0 if stride == 1 else 0.3)
                for (start, row, column), weight in np.ndenumerate(score.squeeze(1).cpu().numpy()):
                    places.append((number, stride, starts[start], row * cell * GRID, column * cell * GRID))
                    weights.append(float(weight))
        if not places:
            raise TrainingError(
                f"No shot is long and large enough for {cadence.keys} input frames with {cadence.factor - 1} between "
                f"and crops of {size.width} x {size.height}. Add footage, or choose a smaller crop."
            )
        return Places(places, list(np.cumsum(weights)))

    def cut(self, cadence: Cadence, size: Size, margin: int, random: np.random.Generator) -> Cut:
        """From near a place drawn by its weight, on the grid of the flow."""
        held = self.places[cadence, size]
        drawn = bisect_right(held.weights, random.random() * held.weights[-1])
        number, stride, start, top, left = held.places[min(drawn, len(held.places) - 1)]
        shot = self.clips[number]
        corners = zip((top, left), size, shot.frames.shape[-2:], strict=True)
        top, left = (
            min(corner + GRID * int(random.integers(side // GRID // 2 + 1)), (whole - side) // GRID * GRID)
            for corner, side, whole in corners
        )
        start = min(start + int(random.integers(2)), len(shot) - cadence.span(stride))
        end, distance = start + cadence.span(stride), cadence.factor * stride
        flows = self.flows[number, distance][start : end - 1 : distance]
        quarter = Size(size.height // GRID, size.width // GRID)
        return Cut(
            frames=surrounded(shot.frames[start:end:stride], top, left, size, margin),
            flows=surrounded(flows, top // GRID, left // GRID, quarter, margin // GRID),
            origin=shot.origin,
        )


def on_grid(frames: UInt8[Tensor, "t c h w"]) -> UInt8[Tensor, "t c h2 w2"]:
    """Cropped to multiples of GRID."""
    return frames[..., : frames.shape[-2] // GRID * GRID, : frames.shape[-1] // GRID * GRID]
