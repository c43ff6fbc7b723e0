"""Training batches out of shots held in memory: random places, flips, time strides and instants.

Stateless: a batch depends on the seed and the step number alone, so a resumed run continues the exact sequence.
"""

import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import from_bytes, shrink, to_bytes
from stvsr.data.footage import Shot
from stvsr.errors import TrainingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How a training clip is laid out in time: ``keys`` input frames, ``factor`` - 1 instants between neighbours."""

    keys: int
    factor: int
    probability: float

    @property
    def times(self) -> tuple[Fraction, ...]:
        return tuple(Fraction(index, self.factor) for index in range((self.keys - 1) * self.factor + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one step trains on; values in [0, 1], flows in input pixels."""

    cadence: Cadence
    clip: Float[Tensor, "b t c h w"]
    frames: Float[Tensor, "b s c H W"]
    small_frames: Float[Tensor, "b s c h w"]
    """Every instant at the input size: the input frames and what lies between them."""
    flow_forth: Float[Tensor, "b p 2 h w"]
    flow_back: Float[Tensor, "b p 2 h w"]


@dataclass(frozen=True, slots=True)
class PreparedShot:
    """A shot with everything a batch needs, on the training device."""

    frames: UInt8[Tensor, "t c H W"]
    small: UInt8[Tensor, "t c h w"]
    flows: dict[int, Float[Tensor, "t2 way 2 h w"]]
    """By distance in frames: flow from frame i to frame i + distance (way 0) and back (way 1)."""


STRIDES = (1, 2)
"""Every frame, or every second one: fast motion is rare in the footage. Input frames lie at most 4 frames apart."""


class Sampler:
    """Draws batches. Shots shorter than a clip of some cadence are never asked for it.

    Of ``processes`` side by side, each draws its share of the same batch.
    """

    def __init__(
        self,
        shots: Sequence[Shot],
        cadences: Sequence[Cadence],
        *,
        scale: int,
        crop: int,
        batch_size: int,
        seed: int,
        device: torch.device,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.scale, self.crop, self.seed, self.device = scale, crop, seed, device
        self.items = range(process, batch_size, processes)
        self.cadences = tuple(cadences)
        self.distances = sorted({cadence.factor * stride for cadence in cadences for stride in STRIDES} & set(range(5)))
        cv2.setNumThreads(1)  # the shots run side by side; threads within threads only wait for each other
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.shots = list(pool.map(self.prepare, shots))
        self.shares = [shot.share for shot in shots]
        self.places = {cadence: self.score_places(cadence) for cadence in cadences}

    def prepare(self, shot: Shot) -> PreparedShot:
        height, width = (size // self.scale * self.scale for size in shot.frames.shape[-2:])
        frames = shot.frames[..., :height, :width]
        small = torch.cat([to_bytes(shrink(from_bytes(part.to(self.device)), self.scale)) for part in frames.split(16)])
        half = (frames.shape[-1] // 2, frames.shape[-2] // 2)
        grey = [cv2.cvtColor(frame.permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY) for frame in frames]
        grey = [cv2.resize(picture, half, interpolation=cv2.INTER_AREA) for picture in grey]
        flows = {
            distance: torch.stack(
                [flow_pair(grey[i], grey[i + distance], small.shape[-2:]) for i in range(len(grey) - distance)]
            )
            .half()
            .to(self.device)
            for distance in self.distances
            if distance < len(grey)
        }
        return PreparedShot(frames.to(self.device), small, flows)

    def score_places(self, cadence: Cadence) -> tuple[list[tuple[int, int, int, int, int]], list[float]]:
        """All places to cut a clip (shot, stride, first frame, y, x), and their cumulated weights: where there is
        motion and texture there is something to learn."""
        places: list[tuple[int, int, int, int, int]] = []
        weights: list[float] = []
        for number, shot in enumerate(self.shots):
            for stride in STRIDES:
                distance = cadence.factor * stride
                span = (cadence.keys - 1) * distance + 1
                flows = shot.flows.get(distance)
                if flows is None or len(shot.frames) < span or min(shot.small.shape[-2:]) < self.crop:
                    continue
                starts = range(0, len(shot.frames) - span + 1, 2)
                cell = max(self.crop // 2, 8)
                small = from_bytes(shot.small[list(starts)]).mean(1, keepdim=True)
                texture = F.avg_pool2d((small - F.avg_pool2d(small, 5, 1, 2)).abs(), self.crop, cell)
                speed = flows[list(starts), 0].float().square().sum(1, keepdim=True).sqrt()
                motion = F.avg_pool2d(speed, self.crop, cell)
                # most is learned where an input frame moves by a few pixels; far motion is mostly blur and occlusion
                worth = 0.3 + motion / (1 + (motion / 3) ** 3)
                score = (0.003 + texture) * worth * self.shares[number] * (1.0 if stride == 1 else 0.3)
                for (start, row, column), weight in np.ndenumerate(score.squeeze(1).cpu().numpy()):
                    places.append((number, stride, starts[start], row * cell, column * cell))
                    weights.append(float(weight))
        if not places:
            raise TrainingError(
                f"No shot is long and large enough for {cadence.keys} input frames with {cadence.factor - 1} between "
                f"and crops of {self.crop} x {self.crop}. Add footage, or choose a smaller crop."
            )
        return places, list(np.cumsum(weights))

    def batch(self, step: int) -> Batch:
        """The batch of this step, or this process's share of it."""
        random = np.random.default_rng((self.seed, step))
        probabilities = np.array([cadence.probability for cadence in self.cadences])
        cadence = self.cadences[random.choice(len(self.cadences), p=probabilities / probabilities.sum())]
        clips = [self.draw(cadence, np.random.default_rng((self.seed, step, item))) for item in self.items]
        frames, small, flows = (torch.stack(parts) for parts in zip(*clips, strict=True))
        return Batch(
            cadence=cadence,
            clip=from_bytes(small[:, :: cadence.factor]),
            frames=from_bytes(frames),
            small_frames=from_bytes(small),
            flow_forth=flows[:, :, 0].float(),
            flow_back=flows[:, :, 1].float(),
        )

    def draw(
        self, cadence: Cadence, random: np.random.Generator
    ) -> tuple[UInt8[Tensor, "s c H W"], UInt8[Tensor, "s c h w"], Float[Tensor, "p way 2 h w"]]:
        """One clip from a place drawn by its weight."""
        places, weights = self.places[cadence]
        place = places[min(bisect_right(weights, random.random() * weights[-1]), len(places) - 1)]
        return self.cut(place, cadence, random)

    def cut(
        self, place: tuple[int, int, int, int, int], cadence: Cadence, random: np.random.Generator
    ) -> tuple[UInt8[Tensor, "s c H W"], UInt8[Tensor, "s c h w"], Float[Tensor, "p way 2 h w"]]:
        """One clip from near a place: frames, small frames and flows, flipped, turned and perhaps reversed alike."""
        number, stride, start, row, column = place
        shot, scale, crop = self.shots[number], self.scale, self.crop
        y = min(row + int(random.integers(crop // 2 + 1)), shot.small.shape[-2] - crop)
        x = min(column + int(random.integers(crop // 2 + 1)), shot.small.shape[-1] - crop)
        span = (cadence.keys - 1) * cadence.factor * stride + 1
        start = min(start + int(random.integers(2)), len(shot.frames) - span)
        instants = slice(start, start + span, stride)
        distance = cadence.factor * stride
        frames = shot.frames[instants, :, y * scale : (y + crop) * scale, x * scale : (x + crop) * scale]
        small = shot.small[instants, :, y : y + crop, x : x + crop]
        flows = shot.flows[distance][start : start + span - 1 : distance, :, :, y : y + crop, x : x + crop]
        if random.random() < 0.5:  # mirror
            frames, small, flows = frames.flip(-1), small.flip(-1), flows.flip(-1) * sign(flows, -1, 1)
        if random.random() < 0.5:  # upside down
            frames, small, flows = frames.flip(-2), small.flip(-2), flows.flip(-2) * sign(flows, 1, -1)
        if random.random() < 0.5:  # transpose
            frames, small, flows = frames.mT, small.mT, flows.mT.flip(2)
        if random.random() < 0.5:  # backwards in time
            frames, small, flows = frames.flip(0), small.flip(0), flows.flip(0).flip(1)
        return frames, small, flows


def sign(like: Tensor, x: int, y: int) -> Float[Tensor, "2 1 1"]:
    """Factors for the two components of a flow."""
    return torch.tensor([x, y], dtype=like.dtype, device=like.device)[:, None, None]


def flow_pair(first: np.ndarray, second: np.ndarray, size: Sequence[int]) -> Float[Tensor, "way 2 h w"]:
    """Dense inverse search flow (Kroeger et al. 2016, OpenCV) both ways, averaged down to the input size and its
    pixels: what supervises a network's flow. OpenCV's flow a -> b says where each pixel of a lies in b, as ours."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    both = np.stack([search.calc(first, second, None), search.calc(second, first, None)])  # pyright: ignore[reportCallIssue, reportArgumentType]
    flows = F.interpolate(rearrange(torch.from_numpy(both), "way H W xy -> way xy H W"), size=tuple(size), mode="area")
    return flows * (size[1] / first.shape[1])
