"""Clips made for the tests, and a network that knows the answer."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image

from stvsr.data.degrade import shrink
from stvsr.networks import Network, Spec


def moving_texture(count: int, height: int, width: int) -> torch.Tensor:
    """A texture that glides to the right; bytes, t c h w."""
    random = torch.Generator().manual_seed(3)
    wide = torch.randint(0, 256, (3, height, width + 2 * count), generator=random, dtype=torch.uint8)
    return torch.stack([wide[..., 2 * (count - i) : 2 * (count - i) + width] for i in range(count)])


def write_pictures(folder: Path, frames: torch.Tensor) -> None:
    for index, frame in enumerate(frames):
        write_picture(folder / f"{index:03d}.png", frame)


def write_picture(path: Path, frame: torch.Tensor) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(frame.permute(1, 2, 0).numpy()).save(path)


class Oracle(Network):
    """Hands out the frames of a known clip, those between keys brighter by some levels; notes what it was shown."""

    def __init__(self, originals: torch.Tensor, *, scale: int = 4, levels: int = 1, stride: int = 2) -> None:
        super().__init__()
        self.spec = Spec(scale=scale, step=None)
        self.originals, self.levels, self.stride = originals.float() / 255, levels, stride
        self.small = shrink(self.originals, scale)
        self.seen: list[torch.Tensor] = []

    def render(self, clip: torch.Tensor, times: Sequence) -> torch.Tensor:
        self.seen.append(clip[0])
        start = next(i for i, small in enumerate(self.small) if torch.equal(small, clip[0, 0]))
        indices = [start + int(time * self.stride) for time in times]
        brighter = torch.tensor([i % self.stride != 0 for i in indices]) * self.levels / 255
        return (self.originals[indices] + brighter[:, None, None, None])[None]


@pytest.fixture
def texture() -> torch.Tensor:
    """Nine frames of 40 x 56, never so dark or bright that two levels more or less would be clipped."""
    return moving_texture(9, 40, 56) // 2 + 8
