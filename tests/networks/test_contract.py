"""What every network of the registry promises. A new network gets all of these by its one line in the registry."""

from fractions import Fraction

import pytest
import torch

from stvsr.errors import SettingsError, UnsupportedTimeError
from stvsr.networks import NETWORKS, Network

HALF = Fraction(1, 2)


@pytest.fixture(params=sorted(NETWORKS), scope="module")
def network(request: pytest.FixtureRequest) -> Network:
    torch.manual_seed(0)
    network = NETWORKS[request.param](scale=4).eval()
    with torch.no_grad():  # away from the gentle start, so that every path matters
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return network


def some_clip(*, batch: int = 1, frames: int = 3, height: int = 16, width: int = 24) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.rand(batch, frames, 3, height, width)


@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 23), (5, 3)])
def test_any_size_gives_the_promised_shape(network: Network, height: int, width: int):
    with torch.no_grad():
        frames = network(some_clip(height=height, width=width), [0, HALF, 1, 2])
    assert frames.shape == (1, 4, 3, 4 * height, 4 * width)
    assert torch.isfinite(frames).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_legal_number_of_frames(network: Network, count: int):
    with torch.no_grad():
        assert network(some_clip(frames=count), list(range(count))).shape[1] == count


def test_batch_items_do_not_mix(network: Network):
    clip = some_clip(batch=2)
    with torch.no_grad():
        together = network(clip, [0, HALF, 2])
        alone = torch.cat([network(clip[:1], [0, HALF, 2]), network(clip[1:], [0, HALF, 2])])
    assert torch.allclose(together, alone, atol=1e-4)


def test_an_instant_does_not_depend_on_which_keys_are_asked_for_beside_it(network: Network):
    clip = some_clip()
    with torch.no_grad():
        assert torch.allclose(network(clip, [0, HALF, 1])[:, 1:2], network(clip, [HALF]), atol=1e-5)


def test_every_parameter_gets_a_gradient(network: Network):
    if not list(network.parameters()):
        return
    network.zero_grad()
    output = network.training_forward(some_clip(), [0, HALF, 1, Fraction(3, 2), 2])
    (output.frames.square().sum() + sum(extra.square().sum() for extra in output.extras.values())).backward()
    dead = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not dead


def test_bf16_is_close_to_fp32(network: Network):
    clip = some_clip()
    with torch.no_grad():
        exact = network(clip, [0, HALF, 1])
        with torch.autocast("cpu", torch.bfloat16):
            coarse = network(clip, [0, HALF, 1]).float()
    assert (coarse - exact).norm() / exact.norm() < 2e-2


@pytest.mark.parametrize("times", [[], [-1], [0, 3], [1, 0], [1, 1]])
def test_a_time_it_cannot_render_raises(network: Network, times: list[int]):
    with pytest.raises(UnsupportedTimeError):
        network(some_clip(), times)


def test_without_frames_it_raises(network: Network):
    with pytest.raises((SettingsError, UnsupportedTimeError)):
        network(torch.rand(1, 0, 3, 8, 8), [0])
