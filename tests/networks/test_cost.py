"""Costs, against sums that can be done by hand."""

from fractions import Fraction

from einops import rearrange
from torch import Tensor, nn

from stvsr.blocks.deformable import DeformableConv
from stvsr.clip import Times
from stvsr.networks import Network, Spec
from stvsr.networks.bicubic import Bicubic
from stvsr.networks.cost import MIDWAY, cost, windows


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


class OnePair(OneConvolution):
    """Takes two frames and knows the middle only."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = Spec(scale=1, step=Fraction(1, 2), min_frames=2, max_frames=2)


def test_a_network_of_two_frames_renders_pair_by_pair_and_each_key_once():
    counted = cost(OnePair(), height=10, width=20)
    assert counted.macs == 7 * 10 * 20 * 3 * 3 * 9
    assert cost(OnePair(), keys=2, height=10, width=20, times=[Fraction(1, 2)]).macs == 10 * 20 * 3 * 3 * 9
    assert [(part.start, part.stop, times) for part, times in windows(OnePair().spec, 4, MIDWAY)] == [
        (0, 2, [0, Fraction(1, 2)]),
        (1, 3, [0, Fraction(1, 2)]),
        (2, 4, [0, Fraction(1, 2), 1]),
    ]


def test_instants_that_it_cannot_render_are_left_out():
    counted = cost(OnePair(), keys=2, height=10, width=20, times=[Fraction(0), Fraction(1, 3), Fraction(1, 2)])
    assert counted.macs == 2 * 10 * 20 * 3 * 3 * 9


class OneDeformableConvolution(OneConvolution):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = DeformableConv(3, 3, groups=1)

    def render(self, clip: Tensor, times: Times) -> Tensor:
        frames = rearrange(clip[:, [0] * len(times)], "b s c h w -> (b s) c h w")
        return rearrange(self.convolution(frames, frames), "(b s) c h w -> b s c h w", s=len(times))


def test_the_kernel_of_a_deformable_convolution_is_counted_apart_from_what_steers_it():
    counted = cost(OneDeformableConvolution(), keys=2, height=10, width=20, times=[Fraction(0), Fraction(1)])
    assert counted.macs == 2 * 10 * 20 * 3 * 27 * 9
    assert counted.macs_with_deformable - counted.macs == 2 * 10 * 20 * 3 * 3 * 9
    assert counted.parameters == 3 * 3 * 9 + 3 + 3 * 27 * 9 + 27


def test_frozen_parameters_that_reach_the_frames_are_counted():
    network = OneConvolution()
    network.convolution.requires_grad_(False)
    assert cost(network).parameters == 3 * 3 * 9 + 3


def test_what_only_training_uses_is_counted_apart():
    counted = cost(OneConvolution())
    assert counted.parameters == 3 * 3 * 9 + 3
    assert counted.parameters_training == counted.parameters + 110


def test_a_network_without_parameters_costs_none():
    counted = cost(Bicubic(scale=4))
    assert counted.parameters == counted.parameters_training == 0
    # at least the five taps of each axis, at most whole matrix products: 7 frames of 3 colours, 180x144 to 720x576
    assert 21 * (576 * 5 * 180 + 576 * 5 * 720) < counted.macs < 21 * (576 * 144 * 180 + 576 * 180 * 720)
