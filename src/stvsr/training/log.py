"""What TensorBoard shows of a run: numbers, and what becomes of one clip that is never trained on."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F
from torch.utils.tensorboard import SummaryWriter

from stvsr.data.degrade import from_bytes, shrink
from stvsr.data.source import Cadence, Clip
from stvsr.networks import Network

LARGEST = 384
"""Of the pictures only the middle is shown, so that a log stays small."""
LOUDER = 4
"""Errors are shown so many times as large."""


class Log:
    """Numbers and pictures by step. A run that goes on removes what an interrupted one wrote beyond ``step``."""

    def __init__(self, folder: Path, step: int, held_out: Sequence[Clip], cadence: Cadence) -> None:
        self.writer = SummaryWriter(str(folder), purge_step=step + 1)
        self.cadence = cadence
        self.clip = next((clip for clip in held_out if len(clip) > (cadence.keys - 1) * cadence.factor), None)

    def number(self, name: str, value: float, step: int) -> None:
        self.writer.add_scalar(name, value, step)

    @torch.no_grad()
    def pictures(self, network: Network, step: int) -> None:
        """The first frame between two input frames: input, ours, truth, error. Nothing where no clip is held out."""
        if self.clip is None:
            return
        span = (self.cadence.keys - 1) * self.cadence.factor + 1
        first = (len(self.clip) - span) // 2
        frames = from_bytes(middle(self.clip.read(range(first, first + span)), network.spec.scale))
        frames = frames.to(next(network.parameters()).device)
        keys = shrink(frames[:: self.cadence.factor], network.spec.scale)
        between = self.cadence.times[1]
        ours = network(keys[None], [between])[0, 0].clamp(0, 1)
        shown = {
            "1 input": F.interpolate(keys[:1], size=ours.shape[-2:], mode="nearest")[0],
            "2 ours": ours,
            "3 truth": frames[1],
            "4 error": (LOUDER * (ours - frames[1]).abs()).clamp(0, 1),
        }
        for name, picture in shown.items():
            self.writer.add_image(f"held_out/{name}", picture.float(), step)

    def flush(self) -> None:
        self.writer.flush()

    def close(self) -> None:
        self.writer.close()


def middle(frames: UInt8[Tensor, "s c h w"], scale: int) -> UInt8[Tensor, "s c h2 w2"]:
    """The middle of each frame, its sides multiples of the scale."""
    height, width = (min(side, LARGEST) // scale * scale for side in frames.shape[-2:])
    top, left = (frames.shape[-2] - height) // 2, (frames.shape[-1] - width) // 2
    return frames[..., top : top + height, left : left + width]
