"""How fast a network is on this machine: a few windows of noise, timed once.

What was timed is kept in the user's cache folder until network, tile, precision, threads or version change.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from fractions import Fraction
from importlib.metadata import version
from statistics import median

import torch

from stvsr.inference import Engine, RenderReport
from stvsr.inference.cache import cache_folder
from stvsr.jobs.journal import read_facts
from stvsr.jobs.plan import Plan
from stvsr.jobs.render import load_network_of

LARGEST_TRIAL = 96
"""Pixels a side: no larger tile is timed; its cost grows with its area."""


def seconds_per_pixel(plan: Plan, area: int, pace: int) -> float:
    """For one pixel of the input in one frame out: looked up, or measured now, which takes seconds.

    area: of a tile, in pixels of the input. pace: frames out for each frame in.
    """
    side = min(LARGEST_TRIAL, max(16, round(area**0.5)))
    key = [
        *(plan.network, plan.network_scale, plan.layout.length, side, pace, str(plan.weights)),
        *(
            plan.render.device,
            plan.render.precision,
            plan.render.passes,
            torch.get_num_threads(),
            torch.__version__,
            version("stvsr"),
        ),
    ]
    path = cache_folder() / "calibration.json"
    known = read_facts(path) or {}
    name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:24]
    if name not in known:
        known[name] = measured(plan, side, pace)
        with suppress(OSError):  # no cache, no harm: it is measured again
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{os.getpid()}.partial")
            partial.write_text(json.dumps(known))
            os.replace(partial, path)
    return known[name]


def measured(plan: Plan, side: int, pace: int) -> float:
    """Render a few windows of noise and keep the median's pace."""
    engine = Engine(load_network_of(plan), plan.render, RenderReport())
    count = plan.layout.length
    clip = torch.rand(count, 3, side, side)
    times = [Fraction(i, pace) for i in range(pace * (count - 1))] or [Fraction(0)]
    if engine.spec.step is not None:
        times = sorted({round(t / engine.spec.step) * engine.spec.step for t in times})
    took = []
    for _ in range(3):
        began = time.perf_counter()
        engine.run(clip, times, engine.precision)
        took.append(time.perf_counter() - began)
    return median(took) / (side * side * len(times))
