"""What every network of the registry promises. A new network gets all of these by its line in the registry and its
entry in ``NARROW``: a configuration small enough to try, and for each field another value."""

from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from stvsr.errors import SettingsError, UnsupportedTimeError
from stvsr.networks import NETWORKS, Network
from stvsr.networks.unison import DETAIL_GAIN, Unison
from stvsr.weights.catalog import load_network
from stvsr.weights.files import Weights, save_weights

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Narrow:
    """A registry entry made small."""

    config: dict[str, Any]
    others: dict[str, Any]
    """For each field of the network's configuration, a value that must change something; a dict where it cannot be
    changed alone."""


NARROW: dict[str, Narrow] = {
    "bicubic": Narrow({}, {}),
    "unison-s": Narrow(
        {"width": 8, "encoder_blocks": 1, "backward_blocks": 1, "forward_blocks": 1, "flow_width": 8},
        {
            "width": 12,
            "encoder_blocks": 2,
            "between_blocks": 1,
            "backward_blocks": 2,
            "forward_blocks": 2,
            "tail_width": 12,
            "flow_width": 12,
            "flow_estimate": (8,),
            "flow": False,
            "detail": False,
            "backward_detail": False,
            "twofold": True,
        },
    ),
    "cycmunet": Narrow(
        {"width": 8, "extraction_blocks": 1, "num_pairs": 2, "trunk_blocks": 1},
        {
            "width": 16,
            "groups": 4,
            "extraction_blocks": 2,
            "interpolation": "fusion",
            "num_pairs": 3,
            "projection": "plain",
            "trunk_blocks": 2,
            "base": False,
        },
    ),
    "tp": Narrow(
        {
            "width": 8,
            "num_distillations": 1,
            "num_stacks": 1,
            "num_fusions": 1,
            "num_reconstruction": 1,
            "refine_widths": [8, 12],
            "num_refine_blocks": 1,
        },
        {
            "time_scale": 4,
            "profiles": ["horizontal"],
            "width": 16,
            "num_distillations": 2,
            "num_stacks": 2,
            "num_fusions": 2,
            "dilations": [1, 2],
            "residual_scale": 0.5,
            "num_reconstruction": 2,
            "refine_widths": [8, 16],
            "num_refine_blocks": 2,
            "tpsrm": {"tpsrm": False, "fsm": False},
            "fsm": False,
            "csr": False,
            "rm": False,
        },
    ),
    "stinet": Narrow(
        {"width": 8, "motion_width": 8, "stages": 2, "blocks": 1, "groups": 2, "graph_width": 16, "graph_layers": 2},
        {
            "width": 12,
            "motion_width": 12,
            "stages": 3,
            "frozen": True,
            "low": False,
            "high": False,
            "flow": "original",
            "blocks": 2,
            "share": False,
            "local_passes": 0,
            "groups": 4,
            "low_offsets": False,
            "high_offsets": False,
            "interaction": False,
            "refinement": "lstm",
            "graph_width": 24,
            "graph_layers": 3,
            "gate": 0.5,
            "edge_frame": False,
            "edge_pixel": False,
            "edge_time": False,
        },
    ),
    "mbnet": Narrow(
        {
            "num_blocks": 2,
            "num_layers": 2,
            "width": 16,
            "growth": 8,
            "grid_widths": [8, 12, 16],
            "refine_width": 8,
            "guide_width": 4,
            "flow_width": 8,
            "flow_blocks": 1,
        },
        {
            "iterations": 1,
            "feature": "none",
            "feedback": "vsr",
            "flow": "pwc",
            "vsr": "rbpn",
            "vfi": "unet",
            "num_blocks": 3,
            "num_layers": 3,
            "width": 32,
            "growth": 12,
            "grid_widths": [8, 12, 20],
            "refine_width": 12,
            "guide_width": 8,
            "flow_width": 12,
            "flow_blocks": 2,
        },
    ),
    "yogo-64": Narrow(
        {"filters": 8, "extraction_blocks": 1, "backward_blocks": 1, "forward_blocks": 1, "fusion_blocks": 1},
        {
            "groups": 4,
            "filters": 16,
            "extraction_blocks": 2,
            "init": "mean",
            "propagation": "bidirectional",
            "backward_blocks": 2,
            "forward_blocks": 2,
            "alignment": "after",
            "fusion": "direct",
            "fusion_blocks": 2,
            "base": False,
        },
    ),
}
NARROW["unison-m"] = Narrow(
    NARROW["unison-s"].config | {"twofold": True}, NARROW["unison-s"].others | {"twofold": False}
)


def build(name: str, **changes: Any) -> Network:
    """The same random weights wherever shapes are the same, away from the gentle start, so that every path matters."""
    network = NETWORKS[name](scale=4, **(NARROW[name].config | changes)).eval()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            weights = torch.randn(parameter.shape) * 0.7 / max(parameter[0].numel(), 4) ** 0.5
            # biases above zero: in layers so narrow a ReLU would be dead by chance
            parameter.copy_(weights.abs() if parameter.dim() == 1 else weights)
        if isinstance(network, Unison):  # detail is weak, or it would grow from frame to frame
            network.head.weight.div_(DETAIL_GAIN)
    return network


@pytest.fixture(params=NARROW, scope="module")
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def network(name: str) -> Network:
    return build(name)


def some_clip(network: Network, *, batch: int = 1, height: int = 16, width: int = 24) -> torch.Tensor:
    generator = torch.manual_seed(1)
    return torch.rand(batch, network.spec.max_frames or 3, 3, height, width, generator=generator)


def halves(clip: torch.Tensor) -> list[Fraction]:
    return [Fraction(index, 2) for index in range(2 * clip.shape[1] - 1)]


def test_every_network_is_tried_here():
    tried = {type(build(name)) for name in NARROW}
    with torch.device("meta"):
        assert {type(NETWORKS[name](scale=4)) for name in NETWORKS} == tried


@pytest.mark.parametrize(("height", "width"), [(16, 24), (17, 23), (5, 3)])
def test_any_size_gives_the_promised_shape(network: Network, height: int, width: int):
    clip = some_clip(network, height=height, width=width)
    with torch.no_grad():
        frames = network(clip, halves(clip))
    assert frames.shape == (1, 2 * clip.shape[1] - 1, 3, 4 * height, 4 * width)
    assert torch.isfinite(frames).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_any_legal_number_of_frames_and_no_other(network: Network, count: int):
    clip = torch.rand(1, count, 3, 8, 8)
    if network.spec.min_frames <= count <= (network.spec.max_frames or count):
        with torch.no_grad():
            assert network(clip, list(range(count))).shape[1] == count
    else:
        with pytest.raises(SettingsError, match="frames at once"):
            network(clip, [0])


def test_batch_items_do_not_mix(network: Network):
    clip = some_clip(network, batch=2)
    with torch.no_grad():
        together = network(clip, halves(clip))
        alone = torch.cat([network(item[None], halves(clip)) for item in clip])
    assert torch.allclose(together, alone, atol=1e-4)


def test_an_instant_does_not_depend_on_which_others_are_asked_for(network: Network):
    clip = some_clip(network)
    with torch.no_grad():
        assert torch.allclose(network(clip, [0, HALF, 1])[:, 1:2], network(clip, [HALF]), atol=1e-5)


def test_an_instant_between_depends_on_both_neighbours(network: Network):
    clip = some_clip(network)
    with torch.no_grad():
        frame = network(clip, [HALF])
        for key in (0, 1):
            changed = clip.clone()
            changed[:, key] = changed[:, key].flip(-1)
            assert not torch.allclose(network(changed, [HALF]), frame, atol=1e-3)


def test_every_parameter_gets_a_gradient(network: Network):
    if not list(network.parameters()):
        return
    network.zero_grad()
    clip = some_clip(network)
    output = network.training_forward(clip, halves(clip))
    (output.frames.square().sum() + sum(extra.square().sum() for extra in output.extras.values())).backward()
    dead = [
        name
        for name, weight in network.named_parameters()
        if weight.requires_grad and (weight.grad is None or not weight.grad.any())
    ]
    assert not dead


def test_training_and_rendering_give_the_same_frames(network: Network):
    clip = some_clip(network)
    with torch.no_grad():
        trained = network.training_forward(clip, halves(clip)).frames
        assert torch.allclose(trained, network(clip, halves(clip)), atol=1e-4)


def test_every_field_of_the_configuration_changes_something(name: str):
    config = getattr(build(name), "config", None)
    if config is None:
        return
    assert {field.name for field in fields(config)} - {"scale"} == set(NARROW[name].others)
    plain = fingerprint(build(name))
    changes = {field: v if isinstance(v, dict) else {field: v} for field, v in NARROW[name].others.items()}
    assert not [field for field, change in changes.items() if fingerprint(build(name, **change)) == plain]


def fingerprint(network: Network) -> list[object]:
    """What the network is made of, and what it makes of a clip."""
    clip = some_clip(network, height=8, width=8)
    with torch.no_grad():
        output = network.training_forward(clip, halves(clip))
    shapes = [(name, tuple(weight.shape), weight.requires_grad) for name, weight in network.named_parameters()]
    seen = {"frames": output.frames, **output.extras}
    return [shapes, {name: (tuple(extra.shape), extra.double().sum().item()) for name, extra in seen.items()}]


def test_weights_come_back_from_a_file_as_they_were(name: str, network: Network, tmp_path: Path):
    if not network.state_dict():
        return
    file = tmp_path / "weights.safetensors"
    held = Weights(network=name, scale=4, config=NARROW[name].config, tensors=network.state_dict())
    save_weights(file, held)
    clip = some_clip(network)
    with torch.no_grad():
        assert torch.equal(load_network(name, 4, weights=file)(clip, [0, 1]), network(clip, [0, 1]))


def test_bf16_is_close_to_fp32(network: Network):
    clip = some_clip(network)
    with torch.no_grad():
        exact = network(clip, halves(clip))
        with torch.autocast("cpu", torch.bfloat16):
            coarse = network(clip, halves(clip)).float()
    assert (coarse - exact).norm() / exact.norm() < 2e-2


@pytest.mark.parametrize("times", [[], [-1], [0, 9], [1, 0], [1, 1]])
def test_a_time_it_cannot_render_raises(network: Network, times: list[int]):
    with pytest.raises(UnsupportedTimeError):
        network(some_clip(network), times)


def test_a_time_off_its_step_raises(network: Network):
    if network.spec.step is not None:
        with pytest.raises(UnsupportedTimeError, match="steps of 1/2"):
            network(some_clip(network), [Fraction(1, 3)])


def test_without_frames_it_raises(network: Network):
    with pytest.raises((SettingsError, UnsupportedTimeError)):
        network(torch.rand(1, 0, 3, 8, 8), [0])
