"""What Unison promises beyond the contract."""

from dataclasses import fields, replace
from fractions import Fraction

import pytest
import torch
from torch.nn import functional as F

from stvsr.errors import SettingsError
from stvsr.networks.unison import DETAIL_GAIN, FlowPyramid, Unison, UnisonConfig, flow_between, unison_s, velocity_at
from stvsr.ops.resize import resize

SMALL = UnisonConfig(
    width=8, encoder_blocks=1, backward_blocks=1, forward_blocks=1, flow_width=8, flow_estimate=(48, 32)
)


def shaken(config: UnisonConfig) -> Unison:
    torch.manual_seed(0)
    network = Unison(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return network


@pytest.mark.parametrize("name", [entry.name for entry in fields(UnisonConfig)])
def test_every_config_field_changes_something(name: str):
    value = getattr(SMALL, name)
    other = replace(SMALL, **{name: not value if isinstance(value, bool) else 2 * value})
    clip = torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad():
        before, after = (shaken(config)(clip, [0, Fraction(1, 2), 1]) for config in (SMALL, other))
    assert before.shape != after.shape or not torch.allclose(before, after)


def test_an_untrained_network_is_close_to_bicubic_at_the_keys():
    torch.manual_seed(0)
    clip = torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad():
        frames = Unison(SMALL)(clip, [0, 1, 2])
    assert (frames - resize(clip, 4)).abs().mean() < 0.05


def test_steady_motion_is_followed_at_every_instant():
    """Where all moves by (v, 0) per frame, the flow from any instant to any other is v times the time between."""
    forth, back = torch.zeros(1, 1, 2, 4, 4), torch.zeros(1, 1, 2, 4, 4)
    forth[:, :, 0], back[:, :, 0] = 3.0, -3.0
    for here in (Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(1)):
        for there in (Fraction(0), Fraction(1, 4), Fraction(1)):
            if int(min(here, there)) == 0 and min(here, there) < 1:
                flow = flow_between(here, there, forth, back)
                assert torch.allclose(flow[:, 0], torch.tensor(3.0 * float(there - here)))


def test_velocity_at_the_ends_is_the_flow_of_that_end():
    forth, back = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 4)
    assert torch.equal(velocity_at(0.0, forth, back), forth)
    assert torch.equal(velocity_at(1.0, forth, back), -back)


def test_without_flow_shares_the_weights_and_sees_no_motion():
    network = shaken(SMALL)
    still = network.without("flow")
    clip = torch.rand(1, 3, 3, 16, 16)
    with torch.no_grad():
        output = still.training_forward(clip, [0, Fraction(1, 2), 1])
        assert not output.extras["flow_forth"].any()
        assert not torch.equal(output.frames, network(clip, [0, Fraction(1, 2), 1]))
    assert still.head.weight.data_ptr() == network.head.weight.data_ptr()


def test_along_a_given_flow_frames_follow_it_and_the_networks_own_flow_is_told():
    network = shaken(SMALL)
    clip, times = torch.rand(1, 3, 3, 16, 16), [0, Fraction(1, 2), 1, 2]
    with torch.no_grad():
        usual = network.training_forward(clip, times)
        own = usual.extras["flow_forth"], usual.extras["flow_back"]
        assert torch.equal(network.training_along(clip, times, *own).frames, usual.frames)
        output = network.training_along(clip, times, own[0] + 1, own[1] - 1)
    assert not torch.allclose(output.frames, usual.frames)
    assert torch.equal(output.extras["flow_forth"], own[0])


def test_what_was_rendered_before_returns_where_the_flow_says():
    """With nothing but the detail's own input to the recurrence, and that a copy, detail moves with the picture."""
    network = shaken(replace(SMALL, width=48, tail_width=48, forward_blocks=0)).requires_grad_(False)
    entry = network.forward_cell.entry
    for layer in (entry, network.tail.entry, network.head):
        layer.weight.zero_()
        layer.bias.zero_()
    for phase in range(48):
        entry.weight[phase, 3 * 48 + phase, 1, 1] = 1
        network.tail.entry.weight[phase, phase, 1, 1] = 1
        network.head.weight[phase, phase, 1, 1] = 1 / DETAIL_GAIN
    entry.bias.copy_(torch.rand(48))
    clip, flow = torch.rand(1, 3, 3, 16, 16), torch.zeros(1, 2, 2, 16, 16)
    frames = network.rendered(clip, [0, 1, 2], flow, -flow).frames - resize(clip[0], 4)
    first = F.pixel_shuffle(entry.bias[:, None, None].expand(48, 16, 16) / DETAIL_GAIN, 4)
    for index in range(3):  # what was added returns and is added to
        assert torch.allclose(frames[0, index], (index + 1) * first, atol=1e-5)
    flow[:, :, 0] = 0.25  # a large pixel to the right
    moved = network.rendered(clip[:, :2], [0, 1], flow[:, :1], -flow[:, :1]).frames[0, 1] - resize(clip[0, 1], 4)
    wanted = first + torch.cat([first[..., :1], first[..., :-1]], -1)
    assert torch.allclose(moved, wanted, atol=1e-5)


def test_the_two_directions_of_the_flow_are_one_network_with_the_frames_swapped():
    torch.manual_seed(0)
    pyramid = FlowPyramid(8, (16,))
    clip = torch.rand(1, 2, 3, 32, 32)
    with torch.no_grad():
        forth, back = pyramid(clip)
        forth_swapped, back_swapped = pyramid(clip.flip(1))
    assert torch.allclose(forth, back_swapped, atol=1e-5)
    assert torch.allclose(back, forth_swapped, atol=1e-5)


def test_for_time_alone_it_gives_the_pictures_under_the_enlarged_frames():
    torch.manual_seed(0)
    whole, alone = unison_s(scale=4).eval(), unison_s(scale=1).eval()
    alone.load_state_dict({key: value for key, value in whole.state_dict().items() if key in alone.state_dict()})
    clip, times = torch.rand(1, 3, 3, 16, 24), [0, Fraction(1, 3), 1, Fraction(3, 2), 2]
    with torch.no_grad():
        frames = alone(clip, times)
        assert torch.equal(frames, whole.training_forward(clip, times).extras["base"])
    assert torch.equal(frames[:, [0, 2, 4]], clip)  # what is there stays as it is


def test_a_larger_one_begins_as_what_it_grows_from_and_all_of_it_learns():
    small = shaken(replace(SMALL, backward_detail=False))
    rooms = {"width": 12, "tail_width": 80, "encoder_blocks": 2, "between_blocks": 3, "forward_blocks": 2}
    large = Unison(replace(SMALL, **rooms))
    large.grow_from(small)
    clip, times = torch.rand(1, 3, 3, 16, 16), [0, Fraction(1, 2), 1, 2]
    torch.testing.assert_close(large(clip, times), small(clip, times), rtol=1e-4, atol=1e-5)
    for _ in range(2):  # blocks whose end begins at zero learn from the second step on
        large.zero_grad()
        large(clip, times).square().mean().backward()
        torch.optim.SGD(large.parameters(), lr=0.1).step()
    silent = [name for name, weight in large.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not silent


def test_of_the_turned_clip_two_looks_make_the_turned_frames():
    clip, times = torch.rand(1, 4, 3, 16, 24), [Fraction(1, 3), 1, 2, Fraction(5, 2)]
    from_behind = [3 - time for time in reversed(times)]
    with torch.no_grad():
        for twofold in (True, False):
            network = shaken(replace(SMALL, twofold=twofold))
            turned = network(clip.flip(1, -2), from_behind).flip(1, -2)
            assert torch.allclose(turned, network(clip, times), atol=1e-5) is twofold


def test_a_second_look_begins_as_another_of_the_smaller_network_and_all_of_it_learns():
    small, large = shaken(SMALL), Unison(replace(SMALL, twofold=True))
    large.grow_from(small)
    clip, times = torch.rand(1, 3, 3, 16, 16), [0, Fraction(1, 2), 1, 2]
    flow, turned = large.motion(clip), large.motion(clip.flip(1, -2))
    first = small.rendered(clip, times, *flow).frames
    second = small.rendered(clip.flip(1, -2), [0, 1, Fraction(3, 2), 2], *turned).frames.flip(1, -2)
    frames = large(clip, times)
    torch.testing.assert_close(frames, (first + second) / 2, rtol=1e-4, atol=1e-5)
    frames.square().mean().backward()
    grad = large.forward_cell.entry.weight.grad
    assert grad is not None
    assert grad[:, -8:].any()  # what is seen of the other look's states


@pytest.mark.parametrize("twofold", [False, True])
def test_half_the_scale_begins_as_the_mean_over_squares(twofold: bool):
    config = replace(SMALL, twofold=twofold)
    large, half = shaken(config), Unison(replace(config, scale=2))
    half.grow_from(large)
    clip = torch.rand(2, 1, 3, 16, 16)
    with torch.no_grad():
        detail, larger = half(clip, [0]) - resize(clip, 2), large(clip, [0]) - resize(clip, 4)
        torch.testing.assert_close(detail[:, 0], F.avg_pool2d(larger[:, 0], 2), rtol=1e-4, atol=1e-5)
        # and where the last detail is the same everywhere, so is what is made of it
        shades, others = torch.rand(1, 3, 1, 1), torch.ones(1, 8 * twofold, 8, 8)
        seen = [
            torch.cat(
                [
                    network.forward_cell(torch.ones(1, 24, 8, 8), folded, others),
                    network.backward_cell(torch.ones(1, 16, 8, 8), folded),
                ]
            )
            for network, folded in (
                (half, shades.repeat_interleave(4, 1).expand(-1, -1, 8, 8)),
                (large, shades.repeat_interleave(16, 1).expand(-1, -1, 8, 8)),
            )
        ]
    torch.testing.assert_close(*seen, rtol=1e-4, atol=1e-5)


def test_two_looks_without_detail_halve_as_well():
    config = replace(SMALL, twofold=True, detail=False)
    large, half = shaken(config), Unison(replace(config, scale=2))
    half.grow_from(large)
    assert torch.equal(half.forward_cell.entry.weight, large.forward_cell.entry.weight)


def test_in_training_the_backward_recurrence_shows_its_detail_too():
    network = shaken(SMALL).train()
    clip, times = torch.rand(1, 3, 3, 16, 16), [0, Fraction(1, 2), 2]
    output = network.training_forward(clip, times)
    assert output.extras["backward"].shape == output.frames.shape
    backward = output.extras["backward"] - resize(output.extras["base"], 4)
    with torch.no_grad():  # the last frame's has seen nothing but that frame
        alone = network.backward_head(network.backward_cell(network.encoder(clip[:, 2]), torch.zeros(1, 56, 16, 16)))
    torch.testing.assert_close(backward[:, -1], F.pixel_shuffle(alone, 4), rtol=1e-4, atol=1e-5)
    assert "backward" not in network.eval().training_forward(clip, times).extras


@pytest.mark.parametrize("changes", [{"flow_width": 16}, {"width": 4}, {"scale": 1}, {"detail": False}])
def test_what_does_not_fit_is_not_grown_from(changes: dict):
    large = Unison(replace(SMALL, **changes))
    before = {name: weight.clone() for name, weight in large.state_dict().items()}
    with pytest.raises(SettingsError, match="narrower"):
        large.grow_from(Unison(SMALL))
    assert all(torch.equal(before[name], weight) for name, weight in large.state_dict().items())
