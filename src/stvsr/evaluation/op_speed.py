"""How fast the operations below the networks are here, each as a multiple of a plain convolution.

The yardstick is one 64-channel 3x3 convolution on a map of the same size, timed in turns with the operation (see
``speed``). Forward only, fp32, channels last; the medians of the rounds are reported.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

import torch
from torch import Tensor

from stvsr.errors import SettingsError
from stvsr.evaluation.speed import CEILING_LAYERS, alternate, plain_convolution
from stvsr.inference.engine import find_device
from stvsr.ops.correlate import local_correlation
from stvsr.ops.deform import deform_conv2d
from stvsr.ops.flow import farneback
from stvsr.ops.guided import guided_upsample
from stvsr.ops.resize import resize
from stvsr.ops.warp import backward_warp

FEATURES, GROUPS, TAPS = 64, 8, 9
ROUNDS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class OpSpeed:
    """Of one operation."""

    seconds: float
    times_plain_convolution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OpsSpeed:
    """What ``stvsr bench ops`` reports."""

    size: str
    """Width x height of the maps."""
    device: str
    threads: int
    ops: dict[str, OpSpeed]
    versions: dict[str, str]


def bench_ops(*, width: int = 180, height: int = 144, device: str = "auto") -> OpsSpeed:
    """Time each operation on this machine; takes about a minute.

    Raises SettingsError for a missing device, or a size below 16 x 16.
    """
    if min(width, height) < 16:
        raise SettingsError(f"A {width}x{height} map is too small to time. Ask for at least 16x16, such as 180x144.")
    place = find_device(device)
    convolve, _ = plain_convolution(width, height, place, torch.float32)
    ops = {}
    for name, work in operations(width, height, place).items():
        rounds = alternate(torch.inference_mode()(work), convolve, rounds=ROUNDS, device=place)
        ops[name] = OpSpeed(
            seconds=median(ours for ours, _ in rounds),
            times_plain_convolution=median(CEILING_LAYERS * ours / theirs for ours, theirs in rounds),
        )
    return OpsSpeed(
        size=f"{width}x{height}",
        device=str(place),
        threads=torch.get_num_threads(),
        ops=ops,
        versions={"python": platform.python_version(), "torch": torch.__version__, "stvsr": version("stvsr")},
    )


def operations(width: int, height: int, device: torch.device) -> dict[str, Callable[[], Tensor]]:
    """Each with inputs as the networks give them: 64 features, offsets and flows of a few pixels."""

    def noise(channels: int, scale: int = 1) -> Tensor:
        maps = torch.randn(1, channels, scale * height, scale * width, device=device)
        return maps.contiguous(memory_format=torch.channels_last)

    kernel = torch.randn(FEATURES, FEATURES, 3, 3, device=device)
    wide_kernel = torch.randn(FEATURES, FEATURES, 5, 5, device=device)
    feat, other, guide = noise(FEATURES), noise(FEATURES), noise(FEATURES, 2)
    first, second = noise(3).sigmoid(), noise(3).sigmoid()
    offset, mask, flow = 1.5 * noise(2 * GROUPS * TAPS), noise(GROUPS * TAPS).sigmoid(), 3 * noise(2)
    return {
        "deformable convolution": lambda: deform_conv2d(feat, offset, mask, kernel),
        "backward warp": lambda: backward_warp(feat, flow),
        "local correlation": lambda: local_correlation(feat, other, radius=2),
        "Farneback flow": lambda: farneback(first, second),
        "guided up-sampling": lambda: guided_upsample(feat, guide, wide_kernel),
        "resize x4": lambda: resize(first, 4),
    }
