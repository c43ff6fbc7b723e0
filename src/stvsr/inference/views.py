"""The same clip seen otherwise: backwards, mirrored, upside down, turned.

A network errs a little differently in each view, and less in the mean of them (the self-ensemble of EDSR, Lim et al.
2017, section 3.4, here in time as well).
"""

from dataclasses import dataclass
from fractions import Fraction

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One way to look at a clip."""

    backwards: bool = False
    flips: tuple[int, ...] = ()
    """Axes that are mirrored."""
    turned: bool = False
    """Rows for columns."""

    def of(self, clip: Float[Tensor, "t c h w"]) -> Float[Tensor, "t c _ _"]:
        axes = (0,) * self.backwards + self.flips
        clip = clip.flip(axes) if axes else clip
        return clip.mT if self.turned else clip

    def times(self, times: list[Fraction], last: int) -> list[Fraction]:
        """The instants in this view of a clip whose last frame has this number."""
        return [last - time for time in reversed(times)] if self.backwards else times

    def undone(self, images: Float[Tensor, "s c _ _"]) -> Float[Tensor, "s c H W"]:
        """What was rendered in this view, as it is."""
        images = images.mT if self.turned else images
        axes = (0,) * self.backwards + self.flips
        return images.flip(axes) if axes else images


VIEWS = tuple(
    View(backwards=backwards, flips=flips, turned=turned)
    for turned in (False, True)
    for backwards, flips in ((False, ()), (True, (-1,)), (False, (-2,)), (True, (-2, -1)))
)
"""The first ones differ most from each other, for whoever takes but a few."""
