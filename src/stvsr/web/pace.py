"""How long a job will take here: a network is timed once on noise, and the film's frames are counted."""

from fractions import Fraction
from threading import Lock
from time import perf_counter

import torch

from stvsr.inference import Engine, RenderReport, RenderSettings
from stvsr.jobs.plan import Plan
from stvsr.video import VideoInfo
from stvsr.weights.catalog import load_network

SIDE, KEYS = 128, 4
STARTING = 5.0
"""Seconds until a new process has PyTorch and the network at hand."""
ENCODING = 2.5e-8
"""Seconds per pixel to convert, encode and look again, measured with H.264 on one core of a Xeon at 2.5 GHz."""


class Pace:
    """What was timed so far on this machine."""

    def __init__(self) -> None:
        self._timed: dict[tuple[str, int], float] = {}
        self._guard = Lock()

    def seconds(self, plan: Plan, info: VideoInfo) -> float | None:
        """An estimate for the whole job; None where the film does not tell its length."""
        if plan.frames_out is None:
            return None
        with self._guard:  # two measurements at a time would disturb each other
            made_of = plan.network, plan.network_scale
            if made_of not in self._timed:
                self._timed[made_of] = per_pixel(*made_of)
        computing = self._timed[made_of] * info.width * info.height
        return STARTING + plan.frames_out * (computing + ENCODING * plan.size[0] * plan.size[1])


def per_pixel(network: str, scale: int) -> float:
    """Seconds of computing for each frame out and pixel in."""
    engine = Engine(load_network(network, scale), RenderSettings(), RenderReport())
    clip, times = torch.rand(KEYS, 3, SIDE, SIDE), [Fraction(index, 2) for index in range(2 * KEYS - 1)]
    engine.render_clip(clip, times)  # the first round is slower
    began = perf_counter()
    engine.render_clip(clip, times)
    return (perf_counter() - began) / len(times) / SIDE**2
