"""Optical flow of the large frames, classical or by RAFT: what supervises a network's flow where the true one is not
known."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise

import cv2
import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import from_bytes

cv2.setNumThreads(1)  # clips are prepared side by side; threads within threads only wait for each other


TEACHERS = ("classical", "raft")
Teacher = Callable[[UInt8[Tensor, "t c h w"]], Float[Tensor, "t2 way 2 y x"]]
"""From each key to the next and back, at a quarter of their size, in pixels of the keys."""


def raft_is_here() -> bool:
    """Whether torchvision, which holds RAFT, is installed."""
    return find_spec("torchvision") is not None


def find_teacher(name: str, device: torch.device, report: Callable[[str], None]) -> Teacher | None:
    """RAFT on the device where it is asked for and torchvision is installed; None: the classical flow."""
    if name != "raft":
        return None
    if not raft_is_here():
        report("RAFT comes with torchvision, which is not installed: the classical flow (DIS) is the teacher")
        return None
    from torchvision.models.optical_flow import (  # pyright: ignore[reportMissingImports]
        Raft_Large_Weights,
        raft_large,
    )

    raft = raft_large(weights=Raft_Large_Weights.DEFAULT).to(device).eval().requires_grad_(False)
    report("RAFT (torchvision) is the teacher")

    @torch.no_grad()
    def by_raft(keys: UInt8[Tensor, "t c h w"]) -> Float[Tensor, "t2 way 2 y x"]:
        size = tuple(max(1, side // 4) for side in keys.shape[-2:])
        pictures = 2 * from_bytes(keys.to(device)) - 1
        height, width = (max(128, -(-side // 8) * 8) for side in keys.shape[-2:])  # what RAFT can take
        pictures = F.pad(pictures, (0, width - keys.shape[-1], 0, height - keys.shape[-2]), "replicate")
        here, there = torch.cat([pictures[:-1], pictures[1:]]), torch.cat([pictures[1:], pictures[:-1]])
        flows = raft(here, there)[-1][..., : keys.shape[-2], : keys.shape[-1]]
        return rearrange(F.interpolate(flows, size=size, mode="area"), "(way t) xy y x -> t way xy y x", way=2).cpu()

    return by_raft


def flows_between(keys: UInt8[Tensor, "t c h w"]) -> Float[Tensor, "t2 way 2 y x"]:
    """From each key to the next and back, at a quarter of their size, in pixels of the keys."""
    grey = half_grey(keys)
    size = (max(1, keys.shape[-2] // 4), max(1, keys.shape[-1] // 4))
    pairs = [flow_pair(first, second, size) for first, second in pairwise(grey)]
    return torch.stack(pairs) * (keys.shape[-1] / size[1])


def half_grey(frames: UInt8[Tensor, "t c h w"]) -> list[np.ndarray]:
    """Grey pictures of half the size, on which the flow is searched."""
    half = (frames.shape[-1] // 2, frames.shape[-2] // 2)
    grey = [cv2.cvtColor(np.ascontiguousarray(frame.permute(1, 2, 0)), cv2.COLOR_RGB2GRAY) for frame in frames]
    return [cv2.resize(picture, half, interpolation=cv2.INTER_AREA) for picture in grey]


def flow_pair(first: np.ndarray, second: np.ndarray, size: Sequence[int]) -> Float[Tensor, "way 2 h w"]:
    """Dense inverse search flow (Kroeger et al. 2016, OpenCV) both ways, averaged down to a size and its pixels.
    OpenCV's flow a -> b says where each pixel of a lies in b, as ours."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    both = np.stack([search.calc(first, second, None), search.calc(second, first, None)])  # pyright: ignore[reportCallIssue, reportArgumentType]
    flows = F.interpolate(rearrange(torch.from_numpy(both), "way H W xy -> way xy H W"), size=tuple(size), mode="area")
    return flows * (size[1] / first.shape[1])
