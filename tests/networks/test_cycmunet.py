"""What CycMu-Net promises beyond the contract. Referees: the paper's tables, and equations done by hand."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import nn

from stvsr.errors import SettingsError
from stvsr.networks import NETWORKS
from stvsr.networks.cycmunet import CycMuNet, ProjectionUnit, cycmunet
from stvsr.ops.resize import resize

THREE = [Fraction(0), Fraction(1, 2), Fraction(1)]
TABLE_4: dict[str, dict[str, Any]] = {
    "a": {"interpolation": "fusion", "num_pairs": 0},
    "b": {"num_pairs": 0},
    "c": {"projection": "plain"},
    "d": {},
}


def small(**changes: Any) -> CycMuNet:
    torch.manual_seed(0)
    return cycmunet(**{"width": 8, "extraction_blocks": 1, "num_pairs": 2, "trunk_blocks": 1, **changes})


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "millions"),
    [("cycmunet-m2", 7.3), ("cycmunet-m4", 9.2), ("cycmunet", 11.1), ("cycmunet-m8", 13.0), ("cycmunet-m10", 14.9)],
)
def test_parameters_are_those_of_table_5(name: str, millions: float):
    with torch.device("meta"):
        network = NETWORKS[name](scale=4)
        assert isinstance(network, CycMuNet)
    training_only = parameters(network.collect_small) + parameters(network.exit_small)
    assert round(parameters(network) / 1e6, 1) == round((parameters(network) - training_only) / 1e6, 1) == millions


@pytest.mark.parametrize("changes", TABLE_4.values(), ids=TABLE_4.keys())
def test_every_row_of_table_4_uses_all_it_has(changes: dict[str, Any]):
    network = small(**changes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    output = network.training_forward(torch.rand(1, 2, 3, 8, 8), THREE)
    (output.frames.square().sum() + output.extras["middle"].square().sum()).backward()
    dead = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not dead


def test_a_projection_unit_adds_the_projected_error_of_the_way_back():
    """Eq. 1-3 with u = 2l, DN(u) = u/2 + 1: the error is 1 everywhere, and 2 when projected."""

    class Line(nn.Module):
        def __init__(self, slope: float, offset: float) -> None:
            super().__init__()
            self.slope, self.offset = slope, offset

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.slope * x + self.offset

    triple = torch.rand(1, 3, 2, 4, 4)
    unit = ProjectionUnit(Line(2, 0), Line(0.5, 1), Line(2, 0))
    assert torch.allclose(unit(triple), 2 * triple + 2)


def test_alone_in_time_the_inputs_stay_and_the_frame_between_is_that_of_the_whole_network():
    whole, alone = small(scale=4).eval(), small(scale=1).eval()
    kept = alone.state_dict().keys()
    alone.load_state_dict({name: weight for name, weight in whole.state_dict().items() if name in kept})
    clip = torch.rand(1, 2, 3, 8, 12)
    with torch.no_grad():
        frames = alone(clip, THREE)
        middle = whole.training_forward(clip, [0]).extras["middle"]
    assert torch.equal(frames[:, [0, 2]], clip)
    assert torch.allclose(frames[:, 1:2], middle, atol=1e-6)


def test_alone_in_time_nothing_is_built_that_only_large_frames_need():
    network = small(scale=1)
    network.training_forward(torch.rand(1, 2, 3, 8, 8), THREE).extras["middle"].square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_it_starts_close_to_bicubic_and_the_mean_of_both_frames(scale: int):
    clip = torch.rand(1, 2, 3, 8, 8)
    with torch.no_grad():
        output = small(scale=scale).training_forward(clip, THREE)
    between = clip.mean(1, keepdim=True)
    base = torch.cat([clip[:, :1], between, clip[:, 1:]], 1)
    assert (output.frames - resize(base, scale)).abs().mean() < 0.03
    assert (output.extras["middle"] - between).abs().mean() < 0.03


@pytest.mark.parametrize("wrong", [{"scale": 3}, {"width": 12}])
def test_what_cannot_be_built_is_said(wrong: dict[str, Any]):
    with pytest.raises(SettingsError):
        small(**wrong)
