"""What every room above speaks: the clip's axes, the frame, and exact time.

A *clip* is a tensor ``b t c h w``: RGB, float, values in [0, 1]. YUV and integers exist only in ``stvsr.video``.
Axis letters, the same in signatures, einops patterns and docs:
b batch · t input frames · s rendered instants · c colour (3) · d features · h w input size · H W output size ·
n any folded batch · g groups · k taps.

Time has two units and never mixes them. *Seconds* are ``Fraction`` (presentation timestamps). *Times* given to a
network count input frames: 0, 1/2, 1, ... where 1/2 lies midway between the first two frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from jaxtyping import Float
from torch import Tensor

Times = Sequence[Fraction | float | int]
"""Instants to render, counted in input frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a film, and when it is shown."""

    image: Float[Tensor, "c h w"]
    """RGB, values in [0, 1]."""
    time: Fraction
    """When it appears, in seconds from the start of the film's clock."""
    duration: Fraction
    """How long it stays, in seconds; more than zero."""
    starts_shot: bool = False
    """True where the film cuts: nothing is ever interpolated between this frame and the one before."""
