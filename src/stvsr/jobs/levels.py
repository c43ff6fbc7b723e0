"""How bright and how varied every picture of a film is: enough to tell a broken picture from a dark one."""

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field

from torch.nn import functional as F

from stvsr.clip import Frame

FLAT = 0.5 / 255
"""Less spread than this, and the eye sees one colour."""
NEARLY_FLAT = 8 / 255
"""A source picture with less spread than this may come out flat."""
LEVEL_TOLERANCE = 0.06
"""How far the mean of a picture may lie outside the means of the source's pictures around it."""
SAMPLES = 128
"""At least so many a side are looked at where a picture has more."""


@dataclass(slots=True)
class Levels:
    """Of a film, frame by frame, in order of time."""

    times: array = field(default_factory=lambda: array("d"))
    means: array = field(default_factory=lambda: array("d"))
    spreads: array = field(default_factory=lambda: array("d"))

    def add(self, frame: Frame) -> None:
        """Take note of the next frame."""
        block = blocks(*frame.image.shape[-2:])
        small = frame.image if block == 1 else F.avg_pool2d(frame.image[None], block)[0]
        self.times.append(float(frame.time))
        mean = small.mean((1, 2), keepdim=True)
        self.means.append(mean.mean().item())
        # PyTorch's std takes nine times as long
        self.spreads.append((small - mean).square_().mean((1, 2)).max().sqrt().item())

    def objections(self, source: "Levels", stretch: int) -> list[str]:
        """What the pictures of this film show that the source does not, given that its time runs ``stretch`` slower."""
        found: list[str] = []
        for time, mean, spread in zip(self.times, self.means, self.spreads, strict=True):
            near = source.around(time, self.times[0], stretch)
            darkest, brightest = min(source.means[i] for i in near), max(source.means[i] for i in near)
            if spread < FLAT and min(source.spreads[i] for i in near) > NEARLY_FLAT:
                found.append(f"a flat picture (level {mean:.2f}) at {time:.3f} s")
            elif not darkest - LEVEL_TOLERANCE <= mean <= brightest + LEVEL_TOLERANCE:
                found.append(f"level {mean:.2f} instead of {darkest:.2f} to {brightest:.2f} at {time:.3f} s")
        return found

    def around(self, time: float, start: float, stretch: int) -> range:
        """The frames on either side of an instant of the stretched film that starts at ``start``."""
        when = self.times[0] + (time - start) / stretch
        at = bisect_right(self.times, when + 1e-3)
        return range(max(0, at - 1), min(len(self.times), at + 1))


def blocks(height: int, width: int) -> int:
    """The side of the squares whose means stand for the picture."""
    return max(1, min(height, width) // SAMPLES)
