"""The mean of several views against what it must be in closed form."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from stvsr.clip import Times
from stvsr.inference import Engine, RenderReport, RenderSettings
from stvsr.inference.views import VIEWS
from stvsr.networks import NETWORKS, Network, Spec

TIMES = [Fraction(0), Fraction(1, 4), Fraction(1), Fraction(5, 3)]


class Shifted(Network):
    """Repeats pixels and the nearest frame, but looks a pixel too far to the right, and errs more the later it is."""

    spec = Spec(scale=2, step=None)

    def render(self, clip: Tensor, times: Times) -> Tensor:
        frames = torch.stack([clip[:, round(time)].roll(-1, -1) + float(time) for time in times], 1)
        return F.interpolate(frames.flatten(0, 1), scale_factor=2).unflatten(0, frames.shape[:2])


def mean_of(network: Network, clip: Tensor, passes: int) -> Tensor:
    settings = RenderSettings(device="cpu", precision="fp32", passes=passes)
    return Engine(network, settings, RenderReport()).run(clip, TIMES, torch.float32)


@pytest.mark.parametrize("view", VIEWS, ids=str)
def test_every_view_is_undone(view):
    clip = torch.rand(3, 3, 4, 6)
    assert torch.equal(view.undone(view.of(clip)), clip)
    assert view.times(view.times(TIMES, 2), 2) == TIMES


@pytest.mark.parametrize("passes", [2, 4, 8])
def test_more_views_change_nothing_for_a_network_that_sees_the_same_in_all(passes: int):
    clip, bicubic = torch.rand(3, 3, 10, 14), NETWORKS["bicubic"](scale=2)
    assert torch.allclose(mean_of(bicubic, clip, passes), mean_of(bicubic, clip, 1), atol=1e-6)


def test_the_mean_of_all_views_errs_to_no_side():
    clip = torch.rand(3, 3, 6, 8)
    around = sum(clip.roll(shift, axis) for axis in (-1, -2) for shift in (-1, 1)) / 4
    later = 1.0  # the mean of t and of 2 - t, at any time
    true = torch.stack([around[round(time)] + later for time in TIMES])
    assert torch.allclose(mean_of(Shifted(), clip, 8), F.interpolate(true, scale_factor=2), atol=1e-6)
