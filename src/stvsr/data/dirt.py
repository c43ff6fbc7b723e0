"""What old film carries: scratches that run along with it, spots that flash up for one frame, and flicker."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilmDirt:
    """Lengths in pixels of the small picture; numbers are per 64 x 64 of them."""

    scratches: Range = (0.0, 1.5)
    """Vertical lines of a clip, which wander a little from frame to frame."""
    scratch_width: Range = (0.4, 1.2)
    spots: Range = (0.0, 2.0)
    """Of one frame, on average."""
    spot_radius: Range = (0.4, 2.5)
    strength: Range = (0.3, 0.9)
    """How far a picture gives way to black or white underneath."""
    flicker: Range = (0.0, 0.06)
    """Standard deviation of each frame's brightness."""

    def __call__(self, frames: Float[Tensor, "t c h w"], random: np.random.Generator) -> Float[Tensor, "t c h w"]:
        """Frames of one clip, in [0, 1]."""
        frames = self.flickering(frames, random)
        frames = self.scratched(frames, random)
        return self.spotted(frames, random)

    def flickering(self, frames: Float[Tensor, "t c h w"], random: np.random.Generator) -> Float[Tensor, "t c h w"]:
        """Every frame brighter or darker than it was."""
        gain = 1 + random.uniform(*self.flicker) * random.standard_normal((len(frames), 1, 1, 1))
        return (frames * torch.from_numpy(gain).float()).clamp(0, 1)

    def scratched(self, frames: Float[Tensor, "t c h w"], random: np.random.Generator) -> Float[Tensor, "t c h w"]:
        """Lines at the same place in every frame, but for a small wander; each is dark or bright throughout."""
        count, height, width = len(frames), *frames.shape[-2:]
        x = torch.arange(width)
        for _ in range(random.poisson(random.uniform(*self.scratches) * height * width / 64**2)):
            place = random.uniform(0, width) + 0.5 * np.cumsum(random.standard_normal(count))
            half = random.uniform(*self.scratch_width) / 2
            colour, strength = float(random.integers(2)), float(random.uniform(*self.strength))
            distance = (x - torch.from_numpy(place).float()[:, None]).abs()
            cover = (half + 0.5 - distance).clamp(0, min(1, 2 * half)) * strength
            frames = torch.lerp(frames, torch.tensor(colour), cover[:, None, None, :])
        return frames

    def spotted(self, frames: Float[Tensor, "t c h w"], random: np.random.Generator) -> Float[Tensor, "t c h w"]:
        """Dust and burns, each on one frame alone."""
        height, width = frames.shape[-2:]
        mean = random.uniform(*self.spots) * height * width / 64**2
        y, x = torch.arange(height)[:, None], torch.arange(width)
        spotted = []
        for frame in frames:
            for _ in range(random.poisson(mean)):
                dy, dx = y - random.uniform(0, height), x - random.uniform(0, width)
                radius, squeeze, angle = (
                    random.uniform(*self.spot_radius),
                    random.uniform(0.4, 1),
                    random.uniform(0, 3.14),
                )
                along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle) - dx * np.sin(angle)
                distance = (along.square() + (across / squeeze).square()).sqrt()
                cover = (radius + 0.5 - distance).clamp(0, 1) * float(random.uniform(*self.strength))
                frame = torch.lerp(frame, torch.tensor(float(random.integers(2))), cover.float())
            spotted.append(frame)
        return torch.stack(spotted)
