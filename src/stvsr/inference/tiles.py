"""Overlapping tiles in space: a picture too large for the memory is rendered in parts that fit together unseen.

Where it is known how far a network sees, tiles overlap by twice that and each pixel comes from a tile that sees all
that matters: the result is bit for bit the untiled one. Elsewhere neighbours fade into each other linearly.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.networks.base import Spec

FADE = 32
"""How wide neighbours fade into each other, in input pixels, where the network's reach is unknown."""
SMALLEST = 16
"""No tile is smaller than this, in input pixels."""


@dataclass(frozen=True, slots=True)
class Span:
    """One tile's place along one axis, in input pixels, and its share in each output pixel there."""

    start: int
    stop: int
    share: Float[Tensor, " n"]


def render_tiled(
    render: Callable[[Tensor], Tensor], clip: Float[Tensor, "t c h w"], spec: Spec, tile: int
) -> Float[Tensor, "s c H W"]:
    """Render a clip tile by tile. ``render`` takes ``t c h w`` and returns ``s c H W``, scale times as large."""
    rows, columns = spans(clip.shape[-2], tile, spec), spans(clip.shape[-1], tile, spec)
    if len(rows) == len(columns) == 1:
        return render(clip)
    whole = None
    for row in rows:
        for column in columns:
            part = render(clip[..., row.start : row.stop, column.start : column.stop])
            if whole is None:
                height, width = clip.shape[-2] * spec.scale, clip.shape[-1] * spec.scale
                whole = part.new_zeros(*part.shape[:-2], height, width)
            top, left = row.start * spec.scale, column.start * spec.scale
            share = (row.share[:, None] * column.share).to(part)
            whole[..., top : top + part.shape[-2], left : left + part.shape[-1]] += part * share
    assert whole is not None
    return whole


def smallest_tile(spec: Spec) -> int:
    """Below this, tiles make no sense for the network."""
    return max(SMALLEST, 4 * spec.multiple_of)


def spans(size: int, tile: int, spec: Spec) -> list[Span]:
    """Cover an axis with tiles of about equal overlap. Their shares in every output pixel add up to one.

    Tiles start at multiples of ``spec.multiple_of``, so that strided layers meet the same pixels as in the whole.
    """
    multiple = spec.multiple_of
    tile = max(tile, smallest_tile(spec)) // multiple * multiple
    if size <= tile:
        return [Span(0, size, torch.ones(size * spec.scale))]
    exact = spec.reach is not None and 2 * spec.reach + multiple - 1 <= tile * 3 // 4
    overlap = 2 * spec.reach if exact else min(FADE, tile // 4)  # type: ignore[operator]
    least = overlap + multiple - 1  # starts are rounded down, which may eat so much of an overlap
    count = ceil((size - least) / (tile - least))
    starts = [i * (size - tile) // (count - 1) // multiple * multiple for i in range(count)]
    stops = [start + tile for start in starts[:-1]] + [size]
    seams = [(start + stop) / 2 for start, stop in zip(starts[1:], stops[:-1], strict=True)]
    fade = 0 if exact else overlap
    return [
        Span(
            start, stop, arrived(start, stop, before, fade, spec.scale) - arrived(start, stop, after, fade, spec.scale)
        )
        for start, stop, before, after in zip(starts, stops, [None, *seams], [*seams, size + fade], strict=True)
    ]


def arrived(start: int, stop: int, seam: float | None, fade: int, scale: int) -> Float[Tensor, " n"]:
    """0 before a seam and 1 behind it, for each output pixel from start to stop; linear over the width of the fade."""
    pixels = (torch.arange(start * scale, stop * scale) + 0.5) / scale
    if seam is None:
        return torch.ones_like(pixels)
    if fade == 0:
        return (pixels > seam).float()
    return ((pixels - seam) / fade + 0.5).clamp(0, 1)
