"""CUDA graphs need a GPU; what is recorded when, and what happens where it cannot be, does not."""

from fractions import Fraction

import pytest
import torch
from torch import Tensor

from stvsr.clip import Times
from stvsr.errors import SettingsError
from stvsr.inference import RenderReport, RenderSettings
from stvsr.inference.engine import Engine
from stvsr.inference.graphs import MOST, GraphedNetwork
from stvsr.networks import NETWORKS, Network

TIMES = (0, Fraction(1, 2))


@pytest.fixture
def network() -> Network:
    return NETWORKS["bicubic"](scale=2).eval()


@pytest.fixture
def recorded() -> list[tuple[torch.Size, Times]]:
    return []


@pytest.fixture
def graphed(network, recorded) -> GraphedNetwork:
    """Notes what it would record."""

    def capture(network: Network, clip: Tensor, times: Times):
        recorded.append((clip.shape, times))
        return lambda clip: network(clip, times)

    return GraphedNetwork(network, capture)


def test_what_comes_a_second_time_is_recorded_once_and_then_replayed(graphed, network, recorded):
    for number in range(4):
        clip = torch.rand(1, 2, 3, 8, 8)
        assert graphed(clip, TIMES).equal(network(clip, TIMES))
        assert len(recorded) == min(number, 1)


def test_every_shape_set_of_instants_and_precision_has_a_graph_of_its_own(graphed, recorded):
    small, large = torch.rand(1, 2, 3, 8, 8), torch.rand(1, 2, 3, 8, 16)
    for _ in range(3):
        graphed(small, TIMES), graphed(large, TIMES), graphed(small, (1,))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            graphed(small, TIMES)
    assert recorded == [(small.shape, TIMES), (large.shape, TIMES), (small.shape, (1,)), (small.shape, TIMES)]


def test_there_are_never_more_graphs_than_memory_is_meant_for(graphed, recorded):
    for width in range(8, 8 + 2 * MOST):
        for _ in range(3):
            graphed(torch.rand(1, 2, 3, 8, width), TIMES)
    assert len(recorded) == MOST


def test_what_cannot_be_recorded_runs_as_it_is_and_is_not_tried_again(network, caplog):
    def refuse(*_: object):
        raise RuntimeError("operation not permitted when stream is capturing")

    clip, graphed = torch.rand(1, 2, 3, 8, 8), GraphedNetwork(network, refuse)
    for _ in range(4):
        assert graphed(clip, TIMES).equal(network(clip, TIMES))
    assert caplog.text.count("cannot be recorded as a CUDA graph") == 1


def test_memory_that_runs_out_while_recording_is_the_engines_to_mend(network):
    def refuse(*_: object):
        raise torch.OutOfMemoryError

    graphed = GraphedNetwork(network, refuse)
    graphed(torch.rand(1, 2, 3, 8, 8), TIMES)
    with pytest.raises(torch.OutOfMemoryError):
        graphed(torch.rand(1, 2, 3, 8, 8), TIMES)


def test_graphs_are_refused_where_there_is_no_cuda(network):
    with pytest.raises(SettingsError, match="runs on cpu"):
        Engine(network, RenderSettings(device="cpu", runtime="graphs"), RenderReport())
