"""The alignment, against EDVR's counts and against a motion that is put into it by hand."""

import torch
from torch import nn

from stvsr.blocks.align import PyramidAlignment, TwoWayAlignment


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_it_weighs_what_the_published_alignment_weighs():
    """EDVR's and Zooming Slow-Mo's PCD, three levels of 64 features, counted layer by layer."""
    conv, steer = 9 * 64 * 64 + 64, 9 * 64 * 8 * 27 + 8 * 27
    wide = 9 * 128 * 64 + 64
    one_way = 3 * (wide + conv + conv + steer) + 2 * 2 * wide
    with torch.device("meta"):
        assert parameters(PyramidAlignment(64)) == one_way == 1_112_008
        assert parameters(TwoWayAlignment(64)) == 2 * one_way + 4 * conv + 128 * 64 + 64


def test_motion_seen_at_the_coarsest_level_is_four_times_as_far_at_the_finest():
    width, motion = 8, 0.75
    align = PyramidAlignment(width)
    with torch.no_grad():
        for parameter in align.parameters():
            parameter.zero_()
        one = torch.eye(width)
        for index, level in enumerate(align.levels):
            level.fetch.conv.weight[:, :, 1, 1] = 2 * one  # twice, for the mask is 1/2
            if index < 2:
                level.merge_motion.weight[:, width:, 1, 1] = one  # what comes from below
                level.motion.weight[:, :, 1, 1] = one
                level.merge_feat.weight[:, :width, 1, 1] = one  # what was fetched here
        align.levels[2].motion.bias.fill_(motion)
        align.levels[0].fetch.steer.weight[1 : 2 * 9 * 8 : 2, 0, 1, 1] = 1  # dx of every tap and group
        torch.manual_seed(0)
        source = [torch.rand(1, width, 16 // 2**i, 16 // 2**i) for i in range(3)]
        target = [torch.rand_like(feat) for feat in source]
        aligned = align(source, target)
    moved = int(4 * motion)
    assert torch.allclose(aligned[..., :-moved], source[0][..., moved:], atol=1e-5)


def test_both_ways_are_the_same_thing_with_the_frames_swapped():
    torch.manual_seed(0)
    align, swapped = TwoWayAlignment(8), TwoWayAlignment(8)
    swapped.load_state_dict(align.state_dict())
    swapped.forth, swapped.back = swapped.back, swapped.forth
    with torch.no_grad():
        for parameter in align.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for ours, theirs in (
            (align.pyramid, swapped.pyramid),
            (align.forth, swapped.back),
            (align.back, swapped.forth),
        ):
            theirs.load_state_dict(ours.state_dict())
        swapped.blend.weight.copy_(align.blend.weight.roll(8, 1))
        swapped.blend.bias.copy_(align.blend.bias)
        first, second = torch.rand(2, 1, 8, 16, 12)
        assert torch.allclose(align(first, second), swapped(second, first), atol=1e-5)
        assert not torch.allclose(align(first, second), align(second, first), atol=1e-3)
