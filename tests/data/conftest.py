"""Pictures and clips that move in a known way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stvsr.data.source import Origin
from stvsr.errors import TrainingError
from stvsr.ops.resize import resize


def texture(height: int, width: int, *, seed: int = 0, grain: int = 8) -> torch.Tensor:
    """A smooth random picture in [0.1, 0.9]; 3 h w."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(3, -(-height // grain) + 2, -(-width // grain) + 2, generator=random)
    return resize(coarse, grain).clamp(0, 1)[:, :height, :width] * 0.8 + 0.1


def gliding(count: int, height: int, width: int, *, speed: int = 4, seed: int = 0) -> torch.Tensor:
    """A texture that moves to the right by so many pixels a frame; bytes, t 3 h w."""
    wide = texture(height, width + speed * count, seed=seed).mul(255).byte()
    return torch.stack([wide[..., speed * (count - i) : speed * (count - i) + width] for i in range(count)])


@dataclass
class HeldClip:
    """A clip that is just there, or broken."""

    name: str
    frames: torch.Tensor
    broken: str = ""
    origin: Origin = Origin("somebody", "CC0")  # noqa: RUF009

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, numbers: Sequence[int]) -> torch.Tensor:
        if self.broken:
            raise TrainingError(self.broken)
        return self.frames[list(numbers)]


@pytest.fixture
def held() -> Callable[..., HeldClip]:
    return HeldClip


@pytest.fixture
def glide() -> Callable[..., torch.Tensor]:
    return gliding


@pytest.fixture
def picture() -> Callable[..., torch.Tensor]:
    return texture


@pytest.fixture
def save_pictures() -> Callable[..., list[Path]]:
    """Write frames as numbered PNG files."""

    def save(folder: Path, frames: torch.Tensor, pattern: str = "{:03d}.png", first: int = 0) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / pattern.format(first + number) for number in range(len(frames))]
        for path, frame in zip(paths, frames, strict=True):
            Image.fromarray(np.ascontiguousarray(frame.permute(1, 2, 0))).save(path)
        return paths

    return save
