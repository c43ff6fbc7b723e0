"""Training batches out of a source: crops, flips, small frames, flows.

Stateless: a batch depends on the seed and the step number alone, so a resumed run continues the exact sequence.
"""

from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import Degradation, from_bytes, shrink, to_bytes
from stvsr.data.flow import Teacher, flows_between
from stvsr.data.footage import Shot
from stvsr.data.masking import Masking
from stvsr.data.memory import ShotSource
from stvsr.data.source import Cadence, Cut, Size, Source

__all__ = ["Augmentation", "Batch", "Cadence", "Sampler"]

MARGIN = 4
"""Input pixels around a crop that bicubic, blur and compression look at; then they are cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one step trains on; values in [0, 1], flows in input pixels. What was not asked for is None."""

    cadence: Cadence
    clip: Float[Tensor, "b t c h w"]
    """The input: small, and damaged where a degradation was asked for."""
    frames: Float[Tensor, "b s c H W"]
    small_frames: Float[Tensor, "b s c h w"]
    """Every instant at the input size, undamaged: the input frames and what lies between them."""
    flow_forth: Float[Tensor, "b p 2 h w"] | None = None
    flow_back: Float[Tensor, "b p 2 h w"] | None = None
    weight: Float[Tensor, "b 1 1 H W"] | None = None
    """How much each pixel of ``frames`` counts, where the input was masked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Each happens to every second item."""

    mirror: bool = True
    upside_down: bool = True
    turn: bool = True
    """By a quarter, together with the others; only crops that are square."""
    backwards: bool = True
    """In time."""


ALL = Augmentation()


@dataclass(frozen=True, slots=True)
class Item:
    """One clip of a batch, before it is on the training device."""

    frames: UInt8[Tensor, "s c H W"]
    """With their margin."""
    damaged: UInt8[Tensor, "t c h w"] | None
    """The input frames with their margin, where they are not just the frames made small."""
    flows: Float[Tensor, "p way 2 y x"] | None
    shown: Float[Tensor, "t 1 h w"] | None
    """1 where the input is shown, 0 where it is masked."""


class Sampler:
    """Draws batches.

    degradation: what makes the input of the large frames; None is MATLAB bicubic and 8 bits. flow: find the classical
    flow where the source knows none (some milliseconds per pair of input frames); a ``teacher`` finds all flow. Of
    ``processes`` side by side, each draws its share of the same batch. Raises TrainingError where a cadence or the crop
    is too large for the source.
    """

    def __init__(
        self,
        source: Source | Sequence[Shot],
        cadences: Sequence[Cadence],
        *,
        scale: int,
        crop: int | tuple[int, int],
        batch_size: int,
        seed: int,
        device: torch.device,
        degradation: Degradation | None = None,
        flow: bool = False,
        teacher: Teacher | None = None,
        masking: Masking | None = None,
        augmentation: Augmentation = ALL,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.source = source if isinstance(source, Source) else ShotSource(clips=source, device=device)
        self.cadences, self.scale, self.seed, self.device = tuple(cadences), scale, seed, device
        self.crop = Size(crop, crop) if isinstance(crop, int) else Size(*crop)
        self.size = Size(self.crop.height * scale, self.crop.width * scale)
        self.degradation, self.masking, self.augmentation = degradation, masking, augmentation
        self.flow, self.teacher = flow, teacher
        self.items = range(process, batch_size, processes)
        self.source.prepare(self.cadences, self.size)

    def batches(self, first: int, *, ahead: int = 0) -> Generator[Batch, None, None]:
        """The batches of the steps from ``first`` on, so many of them drawn in advance, side by side."""
        if not ahead:
            yield from map(self.batch, count(first))
        with ThreadPoolExecutor(ahead) as pool:
            drawn: deque[Future[tuple[Cadence, list[Item]]]] = deque()
            try:
                for step in count(first):
                    drawn.append(pool.submit(self.draw, step))
                    if len(drawn) == ahead:
                        yield self.finish(*drawn.popleft().result())
            finally:
                for future in drawn:
                    future.cancel()

    def batch(self, step: int) -> Batch:
        """The batch of this step, or this process's share of it."""
        return self.finish(*self.draw(step))

    def draw(self, step: int) -> tuple[Cadence, list[Item]]:
        """What a batch is made of, off the training device: safe to call side by side."""
        probabilities = np.array([cadence.probability for cadence in self.cadences])
        chosen = np.random.default_rng((self.seed, step)).choice(
            len(self.cadences), p=probabilities / sum(probabilities)
        )
        cadence = self.cadences[chosen]
        return cadence, [self.item(cadence, np.random.default_rng((self.seed, step, item))) for item in self.items]

    def item(self, cadence: Cadence, random: np.random.Generator) -> Item:
        """One clip, flipped, turned and perhaps reversed, then damaged."""
        cut = self.source.cut(cadence, self.size, MARGIN * self.scale, random)
        if self.flow and (cut.flows is None or self.teacher is not None):
            find = self.teacher or flows_between
            cut = replace(cut, flows=find(cut.frames[:: cadence.factor].cpu()))
        cut = augmented(cut, self.augmentation, random)
        damaged = shown = None
        if self.degradation is not None:
            keys = from_bytes(cut.frames[:: cadence.factor].cpu())
            damaged = to_bytes(self.degradation(keys, self.scale, random))
        if self.masking is not None:
            shown = self.masking.draw(cadence.keys, self.crop, random)
        return Item(cut.frames, damaged, cut.flows, shown)

    def finish(self, cadence: Cadence, items: Sequence[Item]) -> Batch:
        """Stack, bring to the training device, make small, and cut off the margins."""
        large = from_bytes(torch.stack([item.frames for item in items]).to(self.device))
        small = inside(shrink(large, self.scale), MARGIN)
        clip = small[:, :: cadence.factor]
        damaged = [item.damaged for item in items if item.damaged is not None]
        if damaged:
            clip = inside(from_bytes(torch.stack(damaged).to(self.device)), MARGIN)
        shown = [item.shown for item in items if item.shown is not None]
        weight = None
        if shown and self.masking is not None:
            seen = torch.stack(shown).to(self.device)
            clip, weight = clip * seen, self.masking.weigh(seen, self.scale)
        flows = [item.flows for item in items if item.flows is not None]
        forth, back = self.in_input_pixels(flows, large) if flows else (None, None)
        return Batch(
            cadence=cadence,
            clip=clip.contiguous(),
            frames=inside(large, MARGIN * self.scale).contiguous(),
            small_frames=small.contiguous(),
            flow_forth=forth,
            flow_back=back,
            weight=weight,
        )

    def in_input_pixels(
        self, flows: Sequence[Float[Tensor, "p way 2 y x"]], large: Float[Tensor, "b s c H W"]
    ) -> tuple[Float[Tensor, "b p 2 h w"], Float[Tensor, "b p 2 h w"]]:
        """Flows from the pixels of the frames to those of the input, forth and back."""
        height, width = (side // self.scale for side in large.shape[-2:])
        stacked = torch.stack(list(flows)).to(self.device).float()
        if stacked.shape[-1] > width:
            sized = F.interpolate(stacked.flatten(0, 2), size=(height, width), mode="area")
        elif stacked.shape[-1] < width:
            sized = F.interpolate(stacked.flatten(0, 2), size=(height, width), mode="bilinear", align_corners=False)
        else:
            sized = stacked.flatten(0, 2)
        sized = inside(sized.unflatten(0, stacked.shape[:3]) / self.scale, MARGIN)
        return sized[:, :, 0].contiguous(), sized[:, :, 1].contiguous()


def inside(images: Float[Tensor, "*n h w"], margin: int) -> Float[Tensor, "*n h2 w2"]:
    """Without the margin."""
    return images[..., margin:-margin, margin:-margin]


def augmented(cut: Cut, augmentation: Augmentation, random: np.random.Generator) -> Cut:
    """Frames and flows flipped, turned and reversed alike."""
    frames, flows = cut.frames, cut.flows
    mirror, upside_down, turn, backwards = (random.random() < 0.5 for _ in range(4))
    if mirror and augmentation.mirror:
        frames, flows = frames.flip(-1), flows if flows is None else flows.flip(-1) * sign(flows, -1, 1)
    if upside_down and augmentation.upside_down:
        frames, flows = frames.flip(-2), flows if flows is None else flows.flip(-2) * sign(flows, 1, -1)
    if turn and augmentation.turn and frames.shape[-2] == frames.shape[-1]:
        frames, flows = frames.mT, flows if flows is None else flows.mT.flip(2)  # x and y change places
    if backwards and augmentation.backwards:
        frames, flows = frames.flip(0), flows if flows is None else flows.flip(0).flip(1)
    return Cut(frames=frames, flows=flows)


def sign(like: Tensor, x: int, y: int) -> Float[Tensor, "2 1 1"]:
    """Factors for the two components of a flow."""
    return torch.tensor([x, y], dtype=like.dtype, device=like.device)[:, None, None]
