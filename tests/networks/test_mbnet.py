"""What MBnet promises beyond the contract: the paper's counts, the interaction, and parts that can be exchanged."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.flow_nets import PWCNet
from stvsr.blocks.rbpn import RBPN
from stvsr.errors import SettingsError
from stvsr.networks.bicubic import Bicubic
from stvsr.networks.mbnet import MBnet, MBnetConfig, flows_at, mbnet, mbnet_d16
from stvsr.ops.resize import resize

HALF = Fraction(1, 2)
SMALL: dict[str, Any] = {
    "num_blocks": 1,
    "num_layers": 2,
    "width": 16,
    "growth": 8,
    "grid_widths": (8, 8, 8),
    "refine_width": 8,
    "guide_width": 4,
    "flow_width": 8,
    "flow_blocks": 2,
}


def shaken(network: MBnet) -> MBnet:
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network.eval()


def millions(network: nn.Module) -> float:
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6


@pytest.mark.parametrize("build", [mbnet, mbnet_d16])
def test_it_is_as_large_as_the_paper_says(build: Any):
    with torch.device("meta"):
        network = build()
    assert millions(network) == pytest.approx(30.8, rel=0.01)
    assert millions(network.flow) == pytest.approx(0.76, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "part", "published"), [({"vsr": "rbpn"}, "vsr", 12.7), ({"flow": "pwc"}, "flow", 9.4)]
)
def test_the_parts_of_other_papers_are_about_as_large_as_there(changes: dict[str, Any], part: str, published: float):
    with torch.device("meta"):
        network = mbnet(scale=4, **changes)
    assert millions(getattr(network, part)) == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_steady_motion_is_followed_at_every_instant(share: float):
    """Where all moves by 8 pixels from the first frame to the second, the way back is 8 t and the way on 8 (1 - t). The
    paper's Eq. 2-3 as printed give this at t = 1/2 alone."""
    forth, back = torch.full((1, 2, 3, 3), 8.0), torch.full((1, 2, 3, 3), -8.0)
    to_before, to_after = flows_at(share, forth, back)
    assert torch.allclose(to_before, torch.tensor(-8.0 * share))
    assert torch.allclose(to_after, torch.tensor(8.0 * (1 - share)))


def test_flow_between_is_quadratic_interpolation():
    """Super SloMo's Eq. 4, which the paper names as its source."""
    forth, back = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4)
    to_before, to_after = flows_at(0.3, forth, back)
    assert torch.allclose(to_before, -0.7 * 0.3 * forth + 0.3**2 * back, atol=1e-6)
    assert torch.allclose(to_after, 0.7**2 * forth - 0.3 * 0.7 * back, atol=1e-6)


def test_iterations_share_their_weights_and_still_matter():
    once, thrice = (shaken(mbnet(**SMALL, iterations=count)) for count in (1, 3))
    once.load_state_dict(thrice.state_dict())
    clip = torch.rand(1, 2, 3, 8, 8)
    with torch.no_grad():
        output = thrice.training_forward(clip, [0, HALF, 1])
        assert torch.allclose(output.extras["earlier_frames"][:, 0], once(clip, [0, HALF, 1]), atol=1e-5)
        assert not torch.allclose(output.frames, once(clip, [0, HALF, 1]), atol=1e-3)


class Still(nn.Module):
    """A flow part: nothing moves."""

    def forward(self, here: Float[Tensor, "b c h w"], there: Float[Tensor, "b c h w"]) -> list[Tensor]:  # noqa: ARG002
        return [torch.zeros_like(here[:, :2])]


class Gliding(nn.Module):
    """A flow part: all moves by so many pixels to the right from the first frame to the second."""

    def __init__(self, pixels: float) -> None:
        super().__init__()
        self.pixels = pixels

    def forward(self, here: Float[Tensor, "b c h w"], there: Float[Tensor, "b c h w"]) -> list[Tensor]:  # noqa: ARG002
        flow = torch.zeros_like(here[:, :2])
        flow[: len(flow) // 2, 0], flow[len(flow) // 2 :, 0] = self.pixels, -self.pixels
        return [flow]


class Enlarging(nn.Module):
    """A super-resolution part: bicubic. It keeps what it was shown."""

    feature_width = 16

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, ...]] = []

    def forward(self, keys: Tensor, previous: Tensor, keys_warped: Tensor, feedback: Tensor) -> tuple[Tensor, Tensor]:
        self.seen.append((keys, previous, keys_warped, feedback))
        return resize(keys, 4), keys.new_zeros(len(keys), 16, *keys.shape[-2:])


class Blending(nn.Module):
    """An interpolation part: linear in time, and a little too bright if asked."""

    def __init__(self, brighter: float = 0.0) -> None:
        super().__init__()
        self.brighter = brighter

    def forward(self, before: Tensor, after: Tensor, feature: Tensor | None, share: float) -> Tensor:  # noqa: ARG002
        return torch.lerp(before, after, share) + self.brighter


def with_exact_flow(network: MBnet) -> MBnet:
    """NET_re adds nothing to the flow that it enlarges."""
    for parameter in network.refine.head[-1].parameters():
        nn.init.zeros_(parameter)
    return network.eval()


def test_with_the_simplest_parts_plugged_in_it_is_bicubic():
    network = with_exact_flow(MBnet(MBnetConfig(**SMALL), flow=Still(), vsr=Enlarging(), vfi=Blending()))
    clip, times = torch.rand(2, 2, 3, 12, 8), [0, Fraction(1, 4), HALF, 0.9, 1]
    with torch.no_grad():
        assert torch.allclose(network(clip, times), Bicubic(scale=4)(clip, times), atol=1e-5)


def test_what_moves_is_seen_in_its_place_from_everywhere():
    """With the true flow, the other frame and the frame between look like the frame that they were warped onto."""
    vsr = Enlarging()
    network = with_exact_flow(MBnet(MBnetConfig(**SMALL), flow=Gliding(4.0), vsr=vsr, vfi=Blending()))
    torch.manual_seed(0)
    wide = F.interpolate(torch.rand(1, 3, 4, 10), scale_factor=4, mode="bicubic")
    clip = torch.stack([wide[..., 4:36], wide[..., :32]], 1)  # what lies at x lies at x + 4 afterwards
    with torch.no_grad():
        output = network.training_forward(clip, [0, HALF, 1])
    inside = (..., slice(4, -4), slice(8, -8))
    for keys, previous, keys_warped, feedback in vsr.seen:
        assert torch.allclose(keys_warped[inside], keys[inside], atol=1e-5)
        assert torch.allclose(feedback[inside], previous[inside], atol=2e-3)
    large = (..., slice(16, -16), slice(32, -32))
    before, after = output.extras["warped"].unbind(2)
    assert torch.allclose(before[large], after[large], atol=2e-3)
    halfway = resize(wide, 4)[..., 8:136]
    assert torch.allclose(output.frames[:, 1][large], halfway[large], atol=2e-3)


@pytest.mark.parametrize(
    ("changes", "fed_back"), [({}, True), ({"feedback": "vsr"}, False), ({"iterations": 1}, False)]
)
def test_the_frame_between_reaches_the_input_frames_by_feedback_only(changes: dict[str, Any], fed_back: bool):
    config, clip = MBnetConfig(**(SMALL | changes)), torch.rand(1, 2, 3, 8, 8)
    plain, brighter = (shaken(MBnet(config, vfi=Blending(extra))) for extra in (0.0, 0.5))
    brighter.load_state_dict(plain.state_dict())
    with torch.no_grad():
        assert torch.equal(plain(clip, [0, 1]), brighter(clip, [0, 1])) != fed_back


def test_only_what_was_asked_for_is_interpolated():
    """Deployment makes the middle frame for the feedback once, and then each instant once."""
    calls: list[float] = []

    class Counting(Blending):
        def forward(self, before: Tensor, after: Tensor, feature: Tensor | None, share: float) -> Tensor:
            calls.append(share)
            return super().forward(before, after, feature, share)

    network = MBnet(MBnetConfig(**SMALL), vfi=Counting())
    with torch.no_grad():
        network(torch.rand(1, 2, 3, 8, 8), [0, 0.25, 0.75])
    assert calls == [0.5, 0.25, 0.75]


@pytest.mark.parametrize(
    "parts",
    [
        {"vsr": lambda: RBPN(scale=4, base_width=16, width=4, num_stages=2, num_blocks=1)},
        {"flow": lambda: PWCNet(widths=(4, 8, 8), dense_widths=(8, 8), context_widths=(8,) * 6, radius=1)},
    ],
    ids=lambda parts: next(iter(parts)),
)
def test_every_parameter_of_the_other_parts_gets_a_gradient(parts: dict[str, Any]):
    network = shaken(MBnet(MBnetConfig(**SMALL), **{name: build() for name, build in parts.items()})).train()
    output = network.training_forward(torch.rand(1, 2, 3, 12, 12), [0, HALF, 1])
    (output.frames.square().sum() + sum(extra.square().sum() for extra in output.extras.values())).backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()] == []


@pytest.mark.parametrize("scale", [2, 8])
def test_it_enlarges_by_other_scales_too(scale: int):
    network = mbnet(scale=scale, **(SMALL | {"width": scale**2}))
    with torch.no_grad():
        assert network(torch.rand(1, 2, 3, 5, 6), [0, HALF]).shape == (1, 2, 3, 5 * scale, 6 * scale)


def test_the_two_directions_of_the_flow_are_one_network_with_the_frames_swapped():
    network, clip = shaken(mbnet(**SMALL)), torch.rand(1, 2, 3, 16, 16)
    with torch.no_grad():
        for flow, swapped in zip(network.motion(clip), network.motion(clip.flip(1)), strict=True):
            assert torch.allclose(flow, swapped.flip(1), atol=1e-5)


def test_an_untrained_network_is_close_to_bicubic():
    torch.manual_seed(0)
    clip = torch.rand(1, 2, 3, 16, 16)
    network = mbnet(num_blocks=2, width=32, growth=16, flow_width=32)
    with torch.no_grad():
        times = [0, Fraction(1, 4), HALF, 1]
        difference = network(clip, times) - Bicubic(scale=4)(clip, times)
    assert difference.abs().mean((0, 2, 3, 4)).max() < 0.04


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": 3},
        {"iterations": 0},
        {"vsr": "edvr"},
        {"feature": "vgg"},
        {"feedback": "none"},
        {"width": 24},
        {"grid_widths": (8, 16)},
        {"flow_width": 15},
    ],
    ids=str,
)
def test_impossible_combinations_say_so(changes: dict[str, Any]):
    with pytest.raises(SettingsError, match="MBnet"):
        mbnet(**(SMALL | changes))
