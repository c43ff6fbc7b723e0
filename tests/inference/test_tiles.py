"""Referee: the untiled picture. Inputs and weights are small binary fractions, so that sums are exact in any order."""

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from stvsr.inference.tiles import render_tiled, spans
from stvsr.networks import NETWORKS, Spec


def levels(*shape: int, of: int = 256) -> Tensor:
    return torch.randint(0, of, shape, generator=torch.manual_seed(0)) / 256


def far_sighted(reach: int, multiple: int, scale: int) -> Callable[[Tensor], Tensor]:
    """Sees ``reach`` pixels sideways, and knows where in a block of ``multiple`` pixels it is: as strided layers do."""

    def render(clip: Tensor) -> Tensor:
        kernel = torch.zeros(3, 1, 2 * reach + 1, 2 * reach + 1)
        kernel[..., 0, 0] = kernel[..., -1, -1] = kernel[..., reach, reach] = 0.25
        seen = F.conv2d(clip, kernel, padding=reach, groups=3)
        phase = (torch.arange(seen.shape[-2]) % multiple)[:, None] + torch.arange(seen.shape[-1]) % multiple
        return F.interpolate(seen + phase / 1024, scale_factor=scale, mode="nearest")

    return render


@settings(max_examples=60)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 200),
    tile=st.integers(16, 80),
    reach=st.integers(0, 3),
    multiple=st.sampled_from([1, 2, 4]),
    scale=st.sampled_from([1, 2]),
)
@example(height=4, width=24, tile=16, reach=3, multiple=4, scale=1)  # the smallest tile and the widest overlap
def test_tiled_is_untiled_bit_for_bit_where_the_reach_is_known(height, width, tile, reach, multiple, scale):
    spec = Spec(scale=scale, step=None, reach=reach, multiple_of=multiple)
    clip, render = levels(1, 3, height, width), far_sighted(reach, multiple, scale)
    assert torch.equal(render_tiled(render, clip, spec, tile), render(clip))


@pytest.mark.parametrize("tile", [16, 33, 64])
def test_bicubic_is_the_same_tiled_and_untiled(tile):
    network = NETWORKS["bicubic"](scale=2)
    clip = levels(2, 3, 70, 101)

    def render(part: Tensor) -> Tensor:
        return network(part[None], [Fraction(1, 2)])[0]

    tiled = render_tiled(render, clip, network.spec, tile)
    # x2 bicubic has weights of 2^-7 per axis: with 8-bit levels, exact in fp32
    assert torch.equal(tiled, render(clip))


@settings(max_examples=60)
@given(
    size=st.integers(1, 3000),
    tile=st.integers(1, 400),
    reach=st.one_of(st.none(), st.integers(0, 60)),
    multiple=st.sampled_from([1, 3, 8]),
)
def test_shares_add_up_to_one_everywhere_and_starts_keep_the_multiple(size, tile, reach, multiple):
    spec = Spec(scale=2, step=None, reach=reach, multiple_of=multiple)
    total = torch.zeros(2 * size)
    for span in spans(size, tile, spec):
        assert span.start % multiple == 0
        assert span.share.min() >= 0
        total[2 * span.start : 2 * span.stop] += span.share
    torch.testing.assert_close(total, torch.ones(2 * size))


def test_an_unknown_reach_fades_without_a_step():
    def shaded(part: Tensor) -> Tensor:  # every tile has its own brightness: the worst network there is
        return torch.full_like(part, part.mean().item())

    ramp = torch.linspace(0, 1, 256).expand(1, 3, 64, 256)
    tiled = render_tiled(shaded, ramp, Spec(scale=1, step=None), 64)
    assert tiled.diff(dim=-1).abs().max() < 0.05
    assert tiled.diff(dim=-1).min() >= -1e-6
