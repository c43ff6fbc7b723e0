"""A network run by ONNX Runtime: exported when it is first needed, then kept in the user's cache folder.

A file serves one number of input frames, one grid of instants and one size. So the engine hands over whole windows,
every instant of the grid is rendered, and those that were asked for are picked.
"""

from fractions import Fraction
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from math import lcm
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Times
from stvsr.errors import OutputError, SettingsError
from stvsr.inference.cache import cache_folder
from stvsr.inference.export import EXTRA, Run, every, export, load_onnx, need_extra
from stvsr.networks.base import Network, pad_to_multiple

WINDOW = 8
"""Key frames in a window, unless asked otherwise: every one makes the file larger and its export longer."""
FINEST = 8
"""Instants between two keys, at most."""


class OnnxNetwork:
    """Called like the network. The first call for each length, grid and size exports, which takes minutes."""

    def __init__(self, network: Network, folder: Path | None = None) -> None:
        need_extra()
        self.network, self.spec = network.cpu(), network.spec
        self.folder = folder or cache_folder() / "onnx"
        self.identity = fingerprint(network)
        self.loaded = cache(self.load)

    def __call__(self, clip: Float[Tensor, "1 t c h w"], times: Times) -> Float[Tensor, "1 s c H W"]:
        """As ``Network.forward``. Raises SettingsError for instants that fit no grid of at most eighths."""
        self.network.check(clip, times)
        grid = grid_of(times, self.spec.step)
        height, width = clip.shape[-2:]
        padded = pad_to_multiple(clip.float().cpu(), self.spec.multiple_of)
        run = self.loaded(clip.shape[1], grid, tuple(padded.shape[-2:]))
        picked = [int(Fraction(time) / grid) for time in times]
        return run(padded)[:, picked, :, : height * self.spec.scale, : width * self.spec.scale]

    def load(self, frames: int, grid: Fraction, size: tuple[int, int]) -> Run:
        """The exported network, from the cache where it is there."""
        name = f"{self.identity}-{frames}frames-{grid.denominator}-{size[1]}x{size[0]}.onnx"
        path = self.folder / name
        if not path.is_file():
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(
                    f"Cannot make {self.folder} to keep exported networks in: {error.strerror}."
                ) from error
            export(self.network, path, frames=frames, times=every(grid, frames), size=size)
        return load_onnx(path)


def grid_of(times: Times, step: Fraction | None) -> Fraction:
    """The coarsest grid that has all these instants; a network's own step where it has one."""
    grid = step or Fraction(1, lcm(*(Fraction(time).denominator for time in times)))
    if grid.denominator > FINEST:
        raise SettingsError(
            f"ONNX files render fixed instants, {FINEST} per input frame at most, but {grid} of a frame was asked for. "
            f"Use --times 2, 3, ... {FINEST} or --keep-fps with --runtime onnx, or leave --runtime out."
        )
    return grid


def fingerprint(network: Network) -> str:
    """Of the network, its weights, and the versions that export and run it."""
    digest = sha256()
    for fact in (type(network).__name__, network.spec, getattr(network, "config", None)):
        digest.update(repr(fact).encode())
    for package in ("stvsr", "torch", *EXTRA):
        digest.update(version(package).encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return f"{type(network).__name__.lower()}-{digest.hexdigest()[:16]}"
