"""What TP promises beyond the contract. Referees: the paper's counts, closed forms, a module swapped for another."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from einops import repeat

import stvsr.networks.temporal_profile as temporal_profile
from stvsr.errors import SettingsError
from stvsr.networks.bicubic import Bicubic
from stvsr.networks.temporal_profile import (
    TP,
    FeatureShuffling,
    TemporalProfileSuperResolution,
    TPConfig,
    in_between,
    tp,
)
from stvsr.ops.resize import resize_to

NARROW: dict[str, Any] = {
    "width": 8,
    "num_distillations": 1,
    "num_stacks": 1,
    "num_fusions": 1,
    "num_reconstruction": 1,
    "refine_widths": (8, 12),
    "num_refine_blocks": 1,
}
HALVES = [Fraction(index, 2) for index in range(5)]


def narrow(**changes: Any) -> TP:
    """Away from the gentle start, so that every path matters."""
    torch.manual_seed(0)
    network = tp(**(NARROW | changes)).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network


def count(**changes: Any) -> int:
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in tp(**changes).parameters())


def test_it_has_the_papers_7_53_million_parameters():
    assert count() == pytest.approx(7.53e6, abs=0.005e6)
    assert count(fsm=False, rm=False) == count() - count(tpsrm=False) == 694_404


def test_twice_the_size_is_the_same_network_without_csr():
    assert count(scale=2) == count(csr=False) == count() - 694_404


def test_without_its_modules_it_is_bicubic():
    """Table 3 (a): "linear interpolation for VFI and bicubic interpolation for VSR"."""
    clip = torch.rand(1, 3, 3, 6, 7)
    frames = tp(tpsrm=False, fsm=False, rm=False)(clip, HALVES)
    assert torch.allclose(frames, Bicubic(scale=4)(clip, HALVES), atol=1e-6)


@pytest.mark.parametrize("parts", [{}, {"rm": False}, {"fsm": False, "rm": False}])
def test_untrained_each_module_is_the_bicubic_enlargement_that_stands_in_for_it(parts: dict[str, bool]):
    """In height by 2; in width by 2; both by 2, or what is left: smooth pictures do not care about the order."""
    y, x = torch.meshgrid(torch.linspace(0, 2, 12), torch.linspace(0, 3, 10), indexing="ij")
    clip = torch.stack([(y + x / 2 + shift).sin() / 2 + 0.5 for shift in (0.0, 0.5, 1.0)])[None, :, None]
    clip = clip.expand(1, 3, 3, 12, 10)
    with torch.no_grad():
        frames = tp(**NARROW, **parts)(clip, HALVES)
    assert torch.allclose(frames, Bicubic(scale=4)(clip, HALVES), atol=0.01)


@pytest.mark.parametrize("factor", [2, 3])
def test_profiles_are_columns_over_time_and_every_input_frame_keeps_its_place(factor: int):
    """TPSRM with an IMDN that repeats each pixel: every frame again, twice as high, and the last column cut off."""
    module = TemporalProfileSuperResolution(TPConfig(time_scale=factor, width=8, num_distillations=1))
    module.add_module("imdn", RepeatPixels(2, factor))
    clip = torch.rand(2, 3, 3, 4, 5)
    enlarged = module(clip) - resize_to(in_between(clip, factor), 8, 5)
    repeated = repeat(clip, "b t c h w -> b (t i) c (h y) w", i=factor, y=2)[:, : 2 * factor + 1]
    assert torch.allclose(enlarged, repeated, atol=1e-6)


class RepeatPixels(torch.nn.Module):
    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        self.rows, self.columns = rows, columns

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        return repeat(picture, "n c h w -> n c (h y) (w x)", y=self.rows, x=self.columns)


def test_in_between_are_the_input_frames_and_linear_blends():
    clip = torch.rand(1, 3, 3, 2, 2)
    frames = in_between(clip, 4)
    assert frames.shape[1] == 9
    assert torch.equal(frames[:, ::4], clip)
    assert torch.allclose(frames[:, 5], 0.75 * clip[:, 1] + 0.25 * clip[:, 2])


def test_a_still_film_stays_still():
    """Beyond the first and last frame TPSRM sees that frame again, not black."""
    still = repeat(torch.rand(1, 3, 5, 4), "b c h w -> b t c h w", t=4)
    with torch.no_grad():
        frames = narrow()(still, [Fraction(index, 2) for index in range(7)])
    assert torch.allclose(frames[:, ::2], frames[:, :1].expand(-1, 4, -1, -1, -1), atol=1e-5)
    assert torch.allclose(frames[:, 1::2], frames[:, 1:2].expand(-1, 3, -1, -1, -1), atol=1e-5)


def test_a_profile_knows_nothing_of_its_neighbours():
    module = narrow().get_submodule("tpsrm")
    clip = torch.rand(1, 3, 3, 6, 5)
    other = clip.clone()
    other[..., 2] = torch.rand(1, 3, 3, 6)
    with torch.no_grad():
        changed = (module(clip) - module(other)).abs().amax((0, 1, 2, 3)) > 1e-6
    assert changed.tolist() == [False, False, True, False, False]


def test_feature_shuffling_doubles_the_width_alone():
    module = FeatureShuffling(TPConfig(**NARROW, scale=2))
    assert module(torch.rand(2, 3, 6, 5)).shape == (2, 3, 6, 10)


def test_horizontal_profiles_are_vertical_ones_of_the_film_turned_over():
    clip = torch.rand(1, 3, 3, 6, 8)
    vertical, horizontal = narrow(rm=False), narrow(rm=False, profiles=("horizontal",))
    both = narrow(rm=False, profiles=("vertical", "horizontal"))
    with torch.no_grad():
        upright, turned = vertical(clip, HALVES), horizontal(clip, HALVES)
        assert torch.allclose(turned, vertical(clip.mT, HALVES).mT, atol=1e-5)
        output = both.training_forward(clip, HALVES)
    assert torch.allclose(output.frames, (upright + turned) / 2, atol=1e-5)
    assert {kind: extra.shape[-2:] for kind, extra in output.extras.items()} == {
        "vertical": (12, 8),
        "horizontal": (6, 16),
    }


def test_without_gradients_a_module_works_on_few_pixels_at_a_time(monkeypatch: pytest.MonkeyPatch):
    network, clip = narrow(), torch.rand(1, 3, 3, 8, 9)
    seen: list[int] = []
    for module in ("tpsrm.imdn", "fsm", "rm"):
        network.get_submodule(module).register_forward_pre_hook(lambda _, given: seen.append(len(given[0])))
    with torch.no_grad():
        whole = network(clip, HALVES)
        assert seen == [9, 5, 5]  # profiles, frames, frames
        monkeypatch.setattr(temporal_profile, "CHUNK", 8 * 3 * 4)
        seen.clear()
        assert torch.allclose(network(clip, HALVES), whole, atol=1e-5)
        assert seen == [4, 4, 1] + 10 * [1]
    seen.clear()
    network(clip, HALVES)
    assert seen == [9, 5, 5]  # with gradients all is kept anyway


@pytest.mark.parametrize("changes", [{"scale": 3}, {"time_scale": 1}, {"profiles": ("diagonal",)}, {"profiles": ()}])
def test_what_cannot_be_built_is_said(changes: dict[str, Any]):
    with pytest.raises(SettingsError):
        tp(**changes)
