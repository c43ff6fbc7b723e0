"""What YOGO promises beyond the contract. Referees: the paper's numbers, who can know what, equations by hand."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from stvsr.errors import SettingsError
from stvsr.networks.yogo import HybridFusionBlock, Yogo, yogo_56, yogo_64
from stvsr.ops.resize import resize

ROWS: list[dict[str, Any]] = [
    {"propagation": "backward", "fusion": "direct"},  # Table 3, a
    {"propagation": "bidirectional", "fusion": "direct"},  # b
    {"propagation": "bidirectional"},  # c
    {"fusion": "direct"},  # d
    {"backward_blocks": 0, "forward_blocks": 2},  # Table 4
    {"backward_blocks": 0, "forward_blocks": 0},  # Table 5, DFU
    {"alignment": "none"},  # FRU
    {"alignment": "after"},  # FRU + DFU
    {"init": "mean"},
    {"init": "fti"},
]


def small(**changes: Any) -> Yogo:
    torch.manual_seed(0)
    narrow = {"filters": 8, "extraction_blocks": 1, "backward_blocks": 1, "forward_blocks": 1, "fusion_blocks": 1}
    return yogo_64(**{**narrow, **changes})


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("build", "millions", "tera"), [(yogo_64, 12.1, 1.470), (yogo_56, 9.5, 1.148)])
def test_parameters_and_multiplications_are_those_of_table_2(build: type[Yogo], millions: float, tera: float):
    """For four frames of 180 x 144, convolutions without the deformable kernels, as the papers count."""
    with torch.device("meta"):
        network, clip = build(scale=4), torch.empty(1, 4, 3, 144, 180)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(clip, [Fraction(index, 2) for index in range(7)])
    macs = counter.get_flop_counts()["Global"][torch.ops.aten.convolution] / 2
    assert parameters(network) / 1e6 == pytest.approx(millions, rel=0.01)
    assert macs / 1e12 == pytest.approx(tera, rel=0.02)


def test_the_heads_are_for_training_alone():
    with torch.device("meta"):
        network = yogo_64(scale=4)
    assert parameters(network) - parameters(network.structure) - parameters(network.detail) == 11_417_403
    network = small()
    del network.structure, network.detail
    with torch.no_grad():
        assert network(torch.rand(1, 2, 3, 8, 8), [0, 1]).shape == (1, 2, 3, 32, 32)


def test_only_with_interaction_the_forward_state_knows_the_future():
    clip = torch.rand(1, 3, 3, 8, 8)
    other = clip.clone()
    other[:, -1] = torch.rand(1, 3, 8, 8)

    def first_and_last(network: Yogo, map_: int) -> list[bool]:
        """Whether a change of the last frame is seen at the first and at the last instant."""
        with torch.no_grad():
            before, after = (network.propagate(network.features(frames)) for frames in (clip, other))
        return [not torch.equal(before[i][map_], after[i][map_]) for i in (0, -1)]

    assert first_and_last(small(propagation="interactive"), 1) == [True, True]
    assert first_and_last(small(propagation="interactive"), 2) == [True, True]
    assert first_and_last(small(propagation="bidirectional"), 2) == [False, True]


def test_the_forward_cell_reads_the_backward_state_of_the_next_instant():
    """Eq. 1. After the last instant there is none: whatever the backward cell does, the last forward state stays."""
    network, clip = small(), torch.rand(1, 1, 3, 8, 8)
    with torch.no_grad():
        before = network.propagate(network.features(clip))[0]
        for parameter in network.backward_cell.parameters():
            parameter.add_(0.1)
        after = network.propagate(network.features(clip))[0]
    assert not torch.equal(before[1], after[1])
    assert torch.equal(before[2], after[2])


def test_with_the_backward_cell_alone_the_last_frame_knows_no_other():
    network = small(propagation="backward", fusion="direct").eval()
    clip = torch.rand(1, 3, 3, 8, 8)
    other = torch.cat([torch.rand(1, 2, 3, 8, 8), clip[:, 2:]], 1)
    with torch.no_grad():
        assert torch.equal(network(clip, [2]), network(other, [2]))


def test_each_modality_weighs_the_other_in_the_hybrid_block():
    """Eq. 2-3 with R1 = 3, R2 = 5 everywhere and both channel weights sigmoid(0) = 1/2."""
    block = HybridFusionBlock(8)
    with torch.no_grad():
        for parameter in block.parameters():
            parameter.zero_()
        block.refine_backward[2].bias.fill_(3)
        block.refine_forward[2].bias.fill_(5)
        feat, backward, forward = torch.rand(3, 1, 8, 4, 4)
        fused, structure, detail = block(feat, backward, forward)
    assert torch.allclose(fused, feat + 5 / 2 + 3 / 2)
    assert torch.allclose(structure, backward + 3)
    assert torch.allclose(detail, forward + 5)


@pytest.mark.parametrize("scale", [2, 4])
def test_it_starts_close_to_bicubic_and_the_mean_of_two_frames(scale: int):
    clip = torch.rand(1, 2, 3, 8, 8)
    with torch.no_grad():
        frames = small(scale=scale)(clip, [0, Fraction(1, 2), 1])
    base = torch.cat([clip[:, :1], clip.mean(1, keepdim=True), clip[:, 1:]], 1)
    assert (frames - resize(base, scale)).abs().mean() < 0.03


@pytest.mark.parametrize("changes", ROWS, ids=str)
def test_every_row_of_the_tables_uses_all_it_has(changes: dict[str, Any]):
    network = small(**changes)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    output = network.training_forward(torch.rand(1, 2, 3, 8, 8), [0, Fraction(1, 2), 1])
    (output.frames.square().sum() + sum(extra.square().sum() for extra in output.extras.values())).backward()
    dead = [name for name, weight in network.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not dead


@pytest.mark.parametrize("wrong", [{"scale": 3}, {"filters": 12}, {"propagation": "backward"}])
def test_what_cannot_be_built_is_said(wrong: dict[str, Any]):
    with pytest.raises(SettingsError):
        small(**wrong)
