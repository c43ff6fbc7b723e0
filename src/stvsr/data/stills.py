"""Moving pictures out of still ones: the camera glides, turns and zooms over a picture that is larger than what is
seen. There is no border, every instant is exact, and the flow is known in closed form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from stvsr.data.degrade import from_bytes
from stvsr.data.source import TRIES, Cadence, Clip, Cut, Size, Source
from stvsr.errors import TrainingError
from stvsr.ops.resize import resize_to

FINER = 2
"""Every pixel is the mean of so many by so many samples, as a camera's pixel gathers light."""
EDGE = 3
"""Pixels at the picture's edge that are never looked at: the interpolation reaches there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraMotion:
    """The most that happens from one input frame to the next; what happens is drawn up to it, so little is frequent."""

    glide: float = 16.0
    """Pixels of the large frame."""
    change: float = 4.0
    """By how many pixels the glide itself changes: paths are curves."""
    turn: float = 0.04
    """Radians."""
    zoom: float = 0.04
    shear: float = 0.02


USUAL = CameraMotion()


@dataclass(frozen=True, slots=True)
class Path:
    """Where the camera is at a time: the frame's point x, from its middle, shows the picture's point
    A(time) x + b(time), in pixels of the frame. A grows evenly (a matrix exponential), b is a parabola."""

    growth: Float[np.ndarray, "2 2"]
    glide: Float[np.ndarray, "2"]
    change: Float[np.ndarray, "2"]

    @classmethod
    def drawn(cls, motion: CameraMotion, random: np.random.Generator) -> "Path":
        """x before y."""
        turn, zoom, across, along = random.uniform(-1, 1, 4) * (motion.turn, motion.zoom, motion.shear, motion.shear)
        direction, bend = random.uniform(0, 2 * np.pi, 2)
        length, change = random.uniform(0, 1, 2) * (motion.glide, motion.change)
        return cls(
            growth=np.array([[zoom + along, across - turn], [across + turn, zoom - along]]),
            glide=length * np.array([np.cos(direction), np.sin(direction)]),
            change=change * np.array([np.cos(bend), np.sin(bend)]),
        )

    def at(self, time: float) -> tuple[Float[np.ndarray, "2 2"], Float[np.ndarray, "2"]]:
        """A and b."""
        return exponential(self.growth * time), self.glide * time + self.change * time**2 / 2

    def slower(self) -> "Path":
        """Half as fast."""
        return Path(self.growth / 2, self.glide / 2, self.change / 2)


@dataclass(kw_only=True)
class StillSource:
    """Every picture, and every frame of every clip, as a film. Small motions are as frequent as large ones."""

    name: str
    clips: Sequence[Clip]
    motion: CameraMotion = USUAL
    report: Callable[[str], None] = print
    said: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        if not self.clips:
            raise TrainingError(f"{self.name} holds no picture. Add pictures, or point --data elsewhere.")

    def only(self, wanted: Callable[[str], bool]) -> "StillSource":
        return replace(self, clips=[clip for clip in self.clips if wanted(clip.name)])

    def prepare(self, cadences: Sequence[Cadence], size: Size) -> None:
        """One picture serves them all."""

    def cut(self, cadence: Cadence, size: Size, margin: int, random: np.random.Generator) -> Cut:
        whole = Size(size.height + 2 * margin, size.width + 2 * margin)
        middle = Fraction(cadence.keys - 1, 2)
        times = [float(time - middle) for time in cadence.times]
        reason = ""
        for _ in range(TRIES):
            clip = self.clips[int(random.integers(len(self.clips)))]
            try:
                picture = clip.read([int(random.integers(len(clip)))])[0]
            except TrainingError as error:
                reason = self.say(f"{error} It is left out.")
                continue
            path = Path.drawn(self.motion, random)
            for _ in range(4):
                frames = film(picture, path, times, whole, random)
                if frames is not None:
                    flows = exact_flows(path, times[:: cadence.factor], whole)
                    return Cut(frames=frames, flows=flows, origin=clip.origin)
                path = path.slower()
            reason = self.say(
                f"{clip.name} is {picture.shape[-1]}x{picture.shape[-2]}, too small to move about in with crops of "
                f"{size.width}x{size.height}: left out."
            )
        raise TrainingError(
            f"{self.name}: {TRIES} pictures in a row could not be used. {reason} "
            "Add larger pictures, or train on films alone: --set stills=0."
        )

    def say(self, remark: str) -> str:
        """Each remark once."""
        if remark not in self.said:
            self.said.add(remark)
            self.report(remark)
        return remark


@dataclass(frozen=True, kw_only=True)
class MixedSource:
    """Films, and now and then a still picture out of one of them."""

    films: Source
    stills: StillSource
    share: float
    """Of the stills."""

    @property
    def name(self) -> str:
        return self.films.name

    @property
    def clips(self) -> Sequence[Clip]:
        return self.films.clips

    def only(self, wanted: Callable[[str], bool]) -> "MixedSource":
        return replace(self, films=self.films.only(wanted), stills=self.stills.only(wanted))

    def prepare(self, cadences: Sequence[Cadence], size: Size) -> None:
        self.films.prepare(cadences, size)

    def cut(self, cadence: Cadence, size: Size, margin: int, random: np.random.Generator) -> Cut:
        source = self.stills if random.random() < self.share else self.films
        return source.cut(cadence, size, margin, random)


def film(
    picture: UInt8[Tensor, "c h w"], path: Path, times: Sequence[float], size: Size, random: np.random.Generator
) -> UInt8[Tensor, "s c h2 w2"] | None:
    """The picture along the path, as it is seen at each time; None where the path leads out of it."""
    poses = [path.at(time) for time in times]
    half = np.array([size.width - 1, size.height - 1]) / 2
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * half
    seen = np.concatenate([corners @ matrix.T + shift for matrix, shift in poses])
    low, high = seen.min(0), seen.max(0)
    sides = np.array([picture.shape[-1], picture.shape[-2]]) - 1 - 2 * EDGE
    most = float((sides / (high - low)).min())
    if most < 1:
        return None
    # pixels of the picture to one of the frame: two or more where they are there, which also mends JPEG
    reduction = random.uniform(min(2.0, most), min(4.0, most))
    origin = EDGE - reduction * low + random.uniform(0, 1, 2) * (sides - reduction * (high - low))
    first = np.floor(origin + reduction * low).astype(int) - EDGE
    last = np.ceil(origin + reduction * high).astype(int) + EDGE
    (left, top), (right, bottom) = first.clip(0), last
    part = from_bytes(picture[:, top : bottom + 1, left : right + 1])
    # samples must not lie farther apart than the pixels they are taken from
    stretch = max(float(np.linalg.norm(matrix, 2)) for matrix, _ in poses)
    shrink = min(1.0, FINER / (reduction * stretch))
    height, width = (max(1, int(np.ceil(side * shrink))) for side in part.shape[-2:])
    scale = np.array([width / part.shape[-1], height / part.shape[-2]])
    if shrink < 1:
        part = resize_to(part, height, width)
    table = np.ascontiguousarray(part.permute(1, 2, 0))
    frames = []
    for matrix, shift in poses:
        # sample q of the fine frame lies at (q + 0.5) / FINER - 0.5 of the frame
        to_picture = reduction * matrix / FINER
        start = reduction * (matrix @ ((0.5 / FINER - 0.5) - half) + shift) + origin - (left, top)
        affine = np.concatenate([to_picture * scale[:, None], ((start + 0.5) * scale - 0.5)[:, None]], 1)
        fine = cv2.warpAffine(
            table,
            affine,
            (size.width * FINER, size.height * FINER),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        frames.append(cv2.resize(fine, (size.width, size.height), interpolation=cv2.INTER_AREA))
    values = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
    return values.clamp(0, 1).mul(255).round().to(torch.uint8)


def exact_flows(path: Path, times: Sequence[float], size: Size) -> Float[Tensor, "p way 2 y x"]:
    """From each time to the next and back, at a quarter of the size: the motion is affine, so the mean over a square
    is the value at its middle."""
    rows, columns = max(1, size.height // 4), max(1, size.width // 4)
    y = (np.arange(rows) + 0.5) * size.height / rows - size.height / 2
    x = (np.arange(columns) + 0.5) * size.width / columns - size.width / 2
    points = np.stack(np.meshgrid(x, y), -1)
    flows = []
    for first, second in pairwise(times):
        for here, there in ((first, second), (second, first)):
            (matrix, shift), (other, onto) = path.at(here), path.at(there)
            shown = points @ matrix.T + (shift - onto)
            flows.append(np.linalg.solve(other, shown[..., None])[..., 0] - points)
    stacked = torch.from_numpy(np.stack(flows)).float().permute(0, 3, 1, 2)
    return stacked.unflatten(0, (-1, 2)).contiguous()


def exponential(matrix: Float[np.ndarray, "2 2"]) -> Float[np.ndarray, "2 2"]:
    """Of a 2 x 2 matrix, in closed form: with half the trace m taken off, its square is a multiple d of one."""
    mean = np.trace(matrix) / 2
    rest = matrix - mean * np.eye(2)
    root = np.sqrt(complex(-np.linalg.det(rest)))
    ratio = np.sinh(root) / root if abs(root) > 1e-6 else 1.0
    return np.exp(mean) * (np.cosh(root).real * np.eye(2) + np.real(ratio) * rest)
