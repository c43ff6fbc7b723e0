"""How good a network is on clips that it was not trained on, by the rules and the code of ``stvsr evaluate``."""

import copy
from collections.abc import Sequence
from dataclasses import asdict

from stvsr.data.source import Clip
from stvsr.evaluation.measure import mean_over_clips, score
from stvsr.evaluation.protocol import SPAN, Sampling, make_task
from stvsr.evaluation.renderings import rendered_by
from stvsr.networks import Network


def validate(network: Network, clips: Sequence[Clip]) -> dict[str, float]:
    """PSNR, SSIM and so on of the middle seven frames of each clip (or all, if it has fewer), every second one given.

    The numbers are named as in ``stvsr.evaluation.measure.Scores``; clips of fewer than three frames are passed over.
    """
    scale = network.spec.scale
    task = make_task("time" if scale == 1 else "space-time", scale=scale, times=2)
    sampling, own = Sampling(task.times, "all"), copy.deepcopy(network)
    scores = []
    for clip in clips:
        if len(clip) < sampling.least:
            continue
        first = max(0, (len(clip) - SPAN - 1) // 2)
        frames = clip.read(range(first, min(first + SPAN + 1, len(clip))))
        scores.append(score(rendered_by(own, sampling), iter(frames), sampling, task))
    means = asdict(mean_over_clips(scores)) if scores else {}
    return {name: value for name, value in means.items() if value is not None}
