"""From a number per frame to a number per set: which frames weigh what, said in the function's name.

Papers seldom say which one they used, and the same frames can give several dB more or less (``docs/metrics.md``). A
clip is a row of numbers, one per frame (or per pair of frames); frames that have none (not a number) are left out.
"""

from collections.abc import Callable, Sequence
from statistics import fmean

import torch
from jaxtyping import Float
from torch import Tensor

Pool = Callable[[Float[Tensor, " t"]], float]


def mean(values: Float[Tensor, " t"]) -> float:
    """Plain mean. One frame of infinite PSNR makes it infinite."""
    return float(values.double().nanmean())


def psnr_of_mean_error(psnrs: Float[Tensor, " t"]) -> float:
    """PSNR in dB of the mean squared error of all these frames: at most their mean PSNR; bad frames weigh more."""
    share_of_noise = 10 ** (-psnrs.double() / 10)
    return float(-10 * torch.log10(share_of_noise.nanmean()))


def per_clip(clips: Sequence[Float[Tensor, " _"]], pool: Pool = mean) -> list[float]:
    """A number for each clip."""
    return [pool(clip) for clip in clips]


def mean_over_clips(clips: Sequence[Float[Tensor, " _"]], pool: Pool = mean) -> float:
    """Mean of the numbers of the clips: each clip counts the same, a frame of a short one for more."""
    return fmean(per_clip(clips, pool))


def over_all_frames(clips: Sequence[Float[Tensor, " _"]], pool: Pool = mean) -> float:
    """One number of all frames of the set: each frame counts the same, a long clip for more."""
    return pool(torch.cat(list(clips)))
