"""What a network costs: parameters and multiply-accumulates, counted without computing a single pixel.

The yardstick is the field's: four 180x144 input frames become seven output frames (times 0, 1/2, 1, ... 3). The
forward pass runs on PyTorch's meta device, where tensors have shapes but no numbers. Convolutions and matrix products
count; element-wise work and sampling do not, as in the papers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch.utils.flop_counter import FlopCounterMode

from stvsr.networks.base import Network

KEYS, HEIGHT, WIDTH = 4, 144, 180
MIDWAY: tuple[Fraction, ...] = tuple(Fraction(i, 2) for i in range(2 * KEYS - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one forward pass."""

    parameters: int
    """Numbers that reach the rendered frames: what deployment needs."""
    parameters_training: int
    """All numbers, with those that only the losses use."""
    macs: int
    """Multiply-accumulates of convolutions and matrix products. The papers leave the kernels of deformable
    convolutions out, and so does this number."""
    macs_with_deformable: int
    """With the kernels of deformable convolutions too."""


def cost(
    network: Network,
    *,
    keys: int = KEYS,
    height: int = HEIGHT,
    width: int = WIDTH,
    times: Sequence[Fraction] = MIDWAY,
) -> Cost:
    """Count a network for one clip. The network is moved to the meta device: give one that is not needed after."""
    network = network.to("meta").eval()
    clip = torch.empty(1, keys, 3, height, width, device="meta")
    with FlopCounterMode(display=False) as counter:
        frames = network(clip, times)
    parameters = list(network.parameters())
    reached = torch.autograd.grad(frames.sum(), parameters, allow_unused=True) if parameters else ()
    macs = counter.get_total_flops() // 2  # no network has a deformable convolution yet: nothing to leave out
    return Cost(
        parameters=sum(p.numel() for p, gradient in zip(parameters, reached, strict=True) if gradient is not None),
        parameters_training=sum(p.numel() for p in parameters),
        macs=macs,
        macs_with_deformable=macs,
    )
