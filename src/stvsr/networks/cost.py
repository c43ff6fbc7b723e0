"""What a network costs: parameters and multiply-accumulates, counted without computing a single pixel.

The yardstick is the field's: four 180x144 input frames become seven output frames (times 0, 1/2, 1, ... 3). The
forward pass runs on PyTorch's meta device, where tensors have shapes but no numbers. Convolutions and matrix products
count; element-wise work and sampling do not, as in the papers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

import torch
from torch.utils.flop_counter import FlopCounterMode

from stvsr.networks.base import Network, Spec
from stvsr.ops import deform  # noqa: F401 (registers the operator)

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
    """Count a network for one clip. The network is moved to the meta device: give one that is not needed after.

    A network that takes fewer frames at once renders the clip window by window. Instants that it cannot render at all
    are left out.
    """
    network = network.to("meta").eval().requires_grad_()  # frozen parts reach the frames as well
    clip = torch.empty(1, keys, 3, height, width, device="meta")
    possible = [time for time in times if network.spec.step is None or time % network.spec.step == 0]
    kernels = torch.ops.stvsr.deform_conv2d
    with FlopCounterMode(display=False, custom_mapping={kernels: deformable_flops}) as counter:
        frames = [network(clip[:, part], inside).sum() for part, inside in windows(network.spec, keys, possible)]
    parameters = list(network.parameters())
    reached = torch.autograd.grad(frames, parameters, allow_unused=True) if parameters else ()
    all_flops = counter.get_total_flops()
    return Cost(
        parameters=sum(p.numel() for p, gradient in zip(parameters, reached, strict=True) if gradient is not None),
        parameters_training=sum(p.numel() for p in parameters),
        macs=(all_flops - counter.get_flop_counts()["Global"].get(kernels, 0)) // 2,
        macs_with_deformable=all_flops // 2,
    )


def windows(spec: Spec, keys: int, times: Sequence[Fraction]) -> Iterator[tuple[slice, list[Fraction]]]:
    """Which key frames are rendered together, and the instants among them, counted from the first of these.

    Neighbouring windows share a key, which is rendered in the later one.
    """
    length = min(keys, spec.max_frames or keys)
    for first in range(0, max(keys - 1, 1), max(length - 1, 1)):
        stop = min(first + length, keys)
        own = [time for time in times if first <= time and (time < stop - 1 or stop == keys)]
        begin = stop - length
        if own:
            yield slice(begin, stop), [time - begin for time in own]


def deformable_flops(
    image: Sequence[int],
    _offset: Sequence[int],
    mask: Sequence[int],
    weight: Sequence[int],
    *_settings: int,
    out_shape: Sequence[int],  # noqa: ARG001 (the counter gives it by this name)
) -> int:
    """Of the matrix product, in the counter's unit: two for each multiply-accumulate."""
    return 2 * image[0] * prod(mask[2:]) * prod(weight)
