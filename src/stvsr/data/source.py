"""What every kind of training data comes down to: clips, a source that cuts them, and the cut that an item is made of.

``ClipSource`` serves all clips that are read as they are asked for: folders of frames, videos, packs. Footage held in
memory (``footage.py``) and moving still pictures (``stills.py``) are sources of their own.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Shaped, UInt8
from torch import Tensor

from stvsr.data.choice import choose_place, steady
from stvsr.errors import TrainingError

ONE_FILM_IN = 20
MOST_FILMS = 8
"""How many films are held out where none was named."""
TRIES = 50
"""Draws that may come to nothing (broken, too small, at rest, a cut within) before a source gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How a training clip is laid out in time: ``keys`` input frames, ``factor`` - 1 instants between neighbours."""

    keys: int
    factor: int
    probability: float

    @property
    def times(self) -> tuple[Fraction, ...]:
        return tuple(Fraction(index, self.factor) for index in range((self.keys - 1) * self.factor + 1))

    def span(self, stride: int) -> int:
        """Frames from the first to the last, both counted, where instants lie ``stride`` frames apart."""
        return (self.keys - 1) * self.factor * stride + 1


class Size(NamedTuple):
    """Of a picture or crop, pixels."""

    height: int
    width: int


class Origin(NamedTuple):
    """Where a clip comes from, for the card of what is trained on it; empty where nobody said."""

    source: str = ""
    licence: str = ""
    film: str = ""
    """What all clips of one film share: they show the same things, so they are held out together."""


UNKNOWN = Origin()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A crop at every instant of a cadence, with ``margin`` pixels around it, mirrored where the picture ends: made
    small with its margin, a crop is what it would be in the small picture."""

    frames: UInt8[Tensor, "s c H W"]
    flows: Float[Tensor, "p way 2 h w"] | None = None
    """Where the source knows them: from each key to the next (way 0) and back (way 1). In pixels of ``frames``,
    over the same square with its margin, as finely as the source has them."""
    origin: Origin = UNKNOWN


@runtime_checkable
class Clip(Protocol):
    """Frames that follow each other at equal distances in time."""

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> Origin: ...

    def __len__(self) -> int: ...

    def read(self, numbers: Sequence[int]) -> UInt8[Tensor, "s c h w"]:
        """These frames, numbers ascending, RGB. Raises TrainingError where they cannot be had, all in one size."""
        ...


@runtime_checkable
class Source(Protocol):
    """What batches are cut from."""

    @property
    def name(self) -> str: ...

    @property
    def clips(self) -> Sequence[Clip]: ...

    def prepare(self, cadences: Sequence[Cadence], size: Size) -> None:
        """Get ready to be asked for these. Raises TrainingError where no clip can serve one of them."""
        ...

    def cut(self, cadence: Cadence, size: Size, margin: int, random: np.random.Generator) -> Cut:
        """A crop that depends on the state of ``random`` alone; safe to call side by side. Raises TrainingError."""
        ...

    def only(self, wanted: Callable[[str], bool]) -> "Source":
        """The source with no other clips than those whose names are wanted."""
        ...


@dataclass(kw_only=True)
class ClipSource:
    """Clips read as they are asked for; what is broken or too small is left out and said once."""

    name: str
    clips: Sequence[Clip]
    strides: tuple[int, ...] = (1,)
    """Every frame, every second one ...: fast motion and low rates out of slow footage."""
    choosy: bool = False
    """For footage that nobody has picked by hand: leave out cuts, frames shown twice and most of what is at rest, and
    prefer places with texture and motion. The standard sets are drawn evenly, as the papers do."""
    report: Callable[[str], None] = print
    windows: dict[Cadence, "Windows"] = field(init=False, default_factory=dict)
    said: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        if not self.clips:
            raise TrainingError(f"{self.name} holds no clip. Add footage, or point --data elsewhere.")

    def only(self, wanted: Callable[[str], bool]) -> "ClipSource":
        return replace(self, clips=[clip for clip in self.clips if wanted(clip.name)])

    def prepare(self, cadences: Sequence[Cadence], size: Size) -> None:  # noqa: ARG002  sizes show when frames are read
        lengths = [len(clip) for clip in self.clips]
        for cadence in cadences:
            span = cadence.span(min(self.strides))
            if max(lengths) < span:
                raise TrainingError(
                    f"{self.name}: {cadence.keys} input frames with {cadence.factor - 1} between neighbours span "
                    f"{span} frames, but the longest of {len(lengths)} clips has {max(lengths)}. "
                    f"Add longer clips, or train with fewer frames."
                )
            self.windows[cadence] = Windows.over(lengths, [cadence.span(stride) for stride in self.strides])
            short = sum(length < span for length in lengths)
            if short:
                self.say(f"{self.name}: {short} of {len(lengths)} clips are shorter than {span} frames and left out")

    def cut(self, cadence: Cadence, size: Size, margin: int, random: np.random.Generator) -> Cut:
        reason = ""
        for _ in range(TRIES):
            number, choice, start = self.windows[cadence].draw(random)
            clip, stride = self.clips[number], self.strides[choice]
            try:
                frames = clip.read(range(start, start + cadence.span(stride), stride))
            except TrainingError as error:
                reason = f"{error} It is left out."
                self.say(reason)
                continue
            height, width = frames.shape[-2:]
            if height < size.height or width < size.width:
                reason = f"{clip.name} is {width}x{height}, smaller than crops of {size.width}x{size.height}: left out."
                self.say(reason)
                continue
            if not self.choosy:
                top, left = int(random.integers(height - size.height + 1)), int(random.integers(width - size.width + 1))
                return Cut(frames=surrounded(frames, top, left, size, margin), origin=clip.origin)
            place = choose_place(frames, cadence.factor, size, random) if steady(frames) else None
            if place is not None:
                return Cut(frames=surrounded(frames, *place, size, margin), origin=clip.origin)
            reason = reason or "Films at rest, cuts within, or frames shown twice."
        raise TrainingError(
            f"{self.name}: {TRIES} draws in a row gave nothing to train on. {reason} Mend the footage, or add to it."
        )

    def say(self, remark: str) -> None:
        """Each remark once: a broken clip is drawn again and again."""
        if remark not in self.said:
            self.said.add(remark)
            self.report(remark)


@dataclass(frozen=True, slots=True)
class Windows:
    """All places in time where a cadence fits, each as likely as the others."""

    places: list[tuple[int, int]]
    """Number of the clip and of the stride."""
    starts: list[int]
    """How many first frames these and all before them offer."""

    @classmethod
    def over(cls, lengths: Sequence[int], spans: Sequence[int]) -> "Windows":
        """For clips of these lengths, and the span that each stride makes of the cadence."""
        fitting = [
            (clip, stride, length - span + 1)
            for clip, length in enumerate(lengths)
            for stride, span in enumerate(spans)
            if length >= span
        ]
        return cls([place[:2] for place in fitting], list(accumulate(starts for _, _, starts in fitting)))

    def draw(self, random: np.random.Generator) -> tuple[int, int, int]:
        """Number of the clip, of the stride, and of the first frame."""
        drawn = int(random.integers(self.starts[-1]))
        place = bisect_right(self.starts, drawn)
        return *self.places[place], self.starts[place] - drawn - 1


def surrounded(
    frames: Shaped[Tensor, "*s h w"], top: int, left: int, size: Size, margin: int
) -> Shaped[Tensor, "*s H W"]:
    """A crop with a margin; beyond the picture's edge it is mirrored, as MATLAB's imresize does."""
    rows = range(top - margin, top + size.height + margin)
    columns = range(left - margin, left + size.width + margin)
    height, width = frames.shape[-2:]
    if rows[0] >= 0 and columns[0] >= 0 and rows[-1] < height and columns[-1] < width:
        return frames[..., rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    across = mirrored(columns, width).to(frames.device)
    return frames[..., mirrored(rows, height).to(frames.device)[:, None], across]


def mirrored(numbers: range, size: int) -> Tensor:
    """Where samples beyond the ends are fetched; the end sample is repeated."""
    folded = torch.remainder(torch.arange(numbers.start, numbers.stop), 2 * size)
    return torch.minimum(folded, 2 * size - 1 - folded)


def hold_out(source: Source, held_out: tuple[str, ...]) -> tuple[Source, list[Clip]]:
    """The source without the clips whose names begin so, and those clips; where there are none, without one film in
    ``ONE_FILM_IN`` and at most ``MOST_FILMS``, evenly from all. A single film is not held out.
    Raises TrainingError where nothing stays."""
    held = [clip for clip in source.clips if clip.name.startswith(held_out)]
    if not held:
        films = sorted({film_of(clip) for clip in source.clips})
        apart = max(2, min(ONE_FILM_IN, len(films)), -(-len(films) // MOST_FILMS))
        chosen = set(films[apart // 2 :: apart])
        held = [clip for clip in source.clips if film_of(clip) in chosen] if len(films) > 1 else []
    names = {clip.name for clip in held}
    return source.only(lambda name: name not in names) if held else source, held


def film_of(clip: Clip) -> str:
    """The film that a clip is a piece of; where nobody said, the clip is a film of its own."""
    return clip.origin.film or clip.name
