"""Costs, against sums that can be done by hand."""

from fractions import Fraction

from einops import rearrange
from torch import Tensor, nn

from stvsr.clip import Times
from stvsr.networks import Network, Spec
from stvsr.networks.bicubic import Bicubic
from stvsr.networks.cost import cost


class OneConvolution(Network):
    """3x3, three colours in and out, and a head that rendering never touches."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = Spec(scale=1, step=None)
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.head = nn.Linear(10, 10)

    def render(self, clip: Tensor, times: Times) -> Tensor:
        frames = rearrange(clip[:, [0] * len(times)], "b s c h w -> (b s) c h w")
        return rearrange(self.convolution(frames), "(b s) c h w -> b s c h w", s=len(times))


def test_a_convolution_costs_its_taps_at_every_pixel_of_every_frame():
    counted = cost(OneConvolution(), keys=2, height=10, width=20, times=[Fraction(0), Fraction(1, 3)])
    assert counted.macs == counted.macs_with_deformable == 2 * 10 * 20 * 3 * 3 * 9


def test_what_only_training_uses_is_counted_apart():
    counted = cost(OneConvolution())
    assert counted.parameters == 3 * 3 * 9 + 3
    assert counted.parameters_training == counted.parameters + 110


def test_a_network_without_parameters_costs_none():
    counted = cost(Bicubic(scale=4))
    assert counted.parameters == counted.parameters_training == 0
    # at least the five taps of each axis, at most whole matrix products: 7 frames of 3 colours, 180x144 to 720x576
    assert 21 * (576 * 5 * 180 + 576 * 5 * 720) < counted.macs < 21 * (576 * 144 * 180 + 576 * 180 * 720)
