"""STINet beside the contract: the paper's count, its graph by another way, its ablations."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stvsr.blocks.dbpn import DBPN, Enlarge, Shrink
from stvsr.blocks.graph import GraphRefinement
from stvsr.errors import SettingsError
from stvsr.networks.stinet import STINet, StinetConfig, pair_flows, stinet

HALF = Fraction(1, 2)
SMALL = StinetConfig(width=8, motion_width=4, stages=3, blocks=1, groups=2, graph_width=12, graph_layers=2)
TINY = replace(SMALL, scale=2, stages=2)


def shaken(config: StinetConfig) -> STINet:
    torch.manual_seed(0)
    network = STINet(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network


def some_clip(frames: int = 3, size: int = 8) -> Tensor:
    torch.manual_seed(1)
    return torch.rand(1, frames, 3, size, size)


def test_it_has_the_papers_number_of_parameters():
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in stinet(scale=4).parameters())
    assert count == 11_761_602
    assert count == pytest.approx(11.76e6, rel=2e-3)


ABLATIONS: list[dict[str, Any]] = [
    {"low": False},
    {"high": False},
    {"low": False, "low_offsets": False, "refinement": "lstm"},
    {"local_passes": 0},
    {"refinement": "none"},
    {"refinement": "lstm"},
    {"flow": "original"},
    {"flow": "none"},
    {"share": False},
    {"interaction": False},
    {"low_offsets": False},
    {"high_offsets": False},
    {"edge_frame": False},
    {"edge_pixel": False},
    {"edge_time": False},
    {"edge_frame": False, "edge_pixel": False, "edge_time": False},
]


@pytest.mark.parametrize("changes", ABLATIONS, ids=str)
def test_every_ablation_renders_and_leaves_no_dead_parameter(changes: dict[str, Any]):
    network = shaken(replace(TINY, **changes))
    times = [0, HALF, 1]
    output = network.training_forward(some_clip(2), times)
    (output.frames.square().sum() + sum(extra.square().sum() for extra in output.extras.values())).backward()
    assert output.frames.shape == (1, 3, 3, 16, 16)
    assert not [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]


@pytest.mark.parametrize(
    "changes",
    [
        {"low": False, "high": False},
        {"low": False, "high_offsets": False},
        {"low_offsets": False, "high_offsets": False},
        {"scale": 3},
        {"width": 6, "groups": 4},
        {"width": 12, "groups": 4, "refinement": "lstm"},
    ],
    ids=str,
)
def test_what_cannot_be_built_is_refused(changes: dict[str, Any]):
    with pytest.raises(SettingsError):
        replace(SMALL, **changes)


def test_a_frozen_stage_keeps_its_weights_out_of_training_but_not_its_output():
    network = shaken(replace(TINY, frozen=True))
    output = network.training_forward(some_clip(2), [0, HALF, 1])
    assert "space" not in output.extras
    output.frames.sum().backward()
    assert all(weight.grad is None for weight in network.enlarge.parameters())
    assert network.between.blocks[0].first.weight.grad.any()


def test_several_different_instants_in_each_gap():
    times = [Fraction(1, 4), HALF, Fraction(3, 4), Fraction(4, 3), 2]
    with torch.no_grad():
        frames = shaken(TINY)(some_clip(3), times)
    assert frames.shape == (1, 5, 3, 16, 16)
    assert not torch.allclose(frames[:, 0], frames[:, 1])


def test_flow_is_adapted_to_the_instant_by_linear_motion():
    """Eq. 1, seen where it enters: towards the frame before a share of the flow back, towards the other the rest."""
    network, clip = shaken(TINY), some_clip(2, 16)
    forth, back = pair_flows(clip)
    entered = []
    network.between.motion[0].register_forward_pre_hook(lambda _, args: entered.append(args[0]))
    with torch.no_grad():
        network(clip, [Fraction(1, 4)])
    assert torch.allclose(entered[0], torch.cat([back[:, 0] / 4, forth[:, 0] * 3 / 4], 1))


def graph(**attributes: bool) -> GraphRefinement:
    torch.manual_seed(0)
    chosen = {"frame": True, "pixel": True, "time": True} | attributes
    return GraphRefinement(4, hidden=6, num_layers=2, gate=0.1, shrink=2, **chosen)


def graph_inputs() -> tuple[list[Tensor], list[Tensor], list[Fraction]]:
    torch.manual_seed(1)
    instants = [Fraction(0), Fraction(1, 3), Fraction(1)]
    return [torch.randn(1, 4, 3, 3) for _ in instants], [torch.randn(1, 4, 6, 6) for _ in instants], instants


def test_the_graphs_edges_are_the_papers_attributes():
    """Node by node in NumPy, from Section III-D."""
    network = graph()
    lows, highs, instants = graph_inputs()
    with torch.no_grad():
        nodes = torch.stack([feat.mean((-2, -1)) for feat in [*lows, *highs]], 1)
        edges = network.edges(nodes, lows, highs, instants)[0].numpy()
        assert network.shrink is not None
        shrunk = [network.shrink(high)[0].numpy() for high in highs]

    def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a * b).sum(0) / np.linalg.norm(a, axis=0) / np.linalg.norm(b, axis=0)

    maps = [feat[0].numpy() for feat in [*lows, *highs]]
    for i in range(6):
        for k in range(6):
            same_level, same_instant = i // 3 == k // 3, i % 3 == k % 3
            if i == k or not (same_level or same_instant):
                assert edges[i, k] == 0
                continue
            here, there = (maps[i], maps[k]) if same_level else (maps[min(i, k)], shrunk[min(i, k)])
            frame = cosine(maps[i].mean((1, 2)), maps[k].mean((1, 2)))
            distance = 2 * abs(float(instants[i % 3] - instants[k % 3]))
            time = 1 - 1 / (1 + np.exp(-distance))
            wanted = ((1 + frame) / 2 + (1 + cosine(here, there).mean()) / 2 + time) / 3
            assert edges[i, k] == pytest.approx(wanted, abs=1e-5)


def test_messages_are_weighted_by_the_edges():
    """One layer of the identity: each node becomes the weighted mean of itself and those that it hears."""
    network = GraphRefinement(4, hidden=6, num_layers=1, gate=1.0, frame=True, pixel=True, time=True, shrink=2)
    lows, highs, instants = graph_inputs()
    with torch.no_grad():
        network.layers[0].weight.copy_(torch.eye(4))
        network.layers[0].bias.zero_()
        nodes = torch.stack([feat.mean((-2, -1)) for feat in [*lows, *highs]], 1)[0]
        edges = network.edges(nodes[None], lows, highs, instants)[0]
        refined, _ = network(lows, highs, instants)
    wanted = (nodes[1] + sum(edges[1, k] * nodes[k] for k in range(6))) / (1 + edges[1].sum())
    assert torch.allclose(refined[1], lows[1] * (1 + wanted[None, :, None, None]), atol=1e-5)


@pytest.mark.parametrize("attribute", ["frame", "pixel", "time"])
def test_every_attribute_of_the_edges_matters(attribute: str):
    lows, highs, instants = graph_inputs()
    with torch.no_grad():
        full, less = (network(lows, highs, instants)[0][0] for network in (graph(), graph(**{attribute: False})))
    assert not torch.allclose(full, less, atol=1e-7)


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_dbpn_enlarges_by_its_scale_and_its_steps_undo_each_other_in_size(scale: int):
    network = DBPN(scale=scale, width=4, stages=3)
    feat = network(torch.rand(1, 3, 3, 5))
    assert network.colour(feat).shape == (1, 3, 3 * scale, 5 * scale)
    assert Shrink(4, 4, scale=scale)(Enlarge(4, 4, scale=scale)(torch.rand(1, 4, 3, 5))).shape == (1, 4, 3, 5)
