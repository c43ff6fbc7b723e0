"""How long a job will take here, before its film has been read."""

from math import ceil
from threading import Lock

from stvsr.jobs.calibration import seconds_per_pixel
from stvsr.jobs.plan import Plan
from stvsr.video import VideoInfo

STARTING = 5.0
"""Seconds until a new process has PyTorch and the network at hand."""
ENCODING = 2.5e-8
"""Seconds per pixel to convert, encode and look again, measured with H.264 on one core of a Xeon at 2.5 GHz."""


class Pace:
    """Asks the calibration, one film at a time: two measurements at once would disturb each other."""

    def __init__(self) -> None:
        self._guard = Lock()

    def seconds(self, plan: Plan, info: VideoInfo) -> float | None:
        """An estimate for the whole job; None where the film does not tell its length."""
        if plan.frames_out is None or not info.frame_count:
            return None
        area = info.width * info.height
        with self._guard:
            computing = area * seconds_per_pixel(plan, area, ceil(plan.frames_out / info.frame_count))
        return STARTING + plan.frames_out * (computing + ENCODING * plan.size[0] * plan.size[1])
