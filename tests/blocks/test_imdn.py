"""IMDN, against its published sizes and closed forms."""

import pytest
import torch

from stvsr.blocks.imdn import IMDN, DistillationBlock, contrast


@pytest.mark.parametrize(("factor", "published"), [(2, 694_404), (3, 703_000), (4, 715_176)])
def test_it_has_as_many_parameters_as_the_authors_code(factor: int, published: int):
    with torch.device("meta"):
        count = sum(parameter.numel() for parameter in IMDN(enlarge=(factor, factor)).parameters())
    assert count == pytest.approx(published, abs=500 if factor == 3 else 0)  # x3 is printed as 703 K


def test_height_and_width_may_grow_by_different_factors():
    network = IMDN(enlarge=(2, 3), width=8, num_blocks=1)
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias = torch.nn.Parameter(
            torch.arange(18.0)
        )  # colour, then row, then column within the enlarged pixel
        enlarged = network(torch.rand(1, 3, 4, 5))
    assert enlarged.shape == (1, 3, 8, 15)
    assert torch.equal(enlarged[0, 1, 2:4, 3:6], torch.tensor([[6.0, 7.0, 8.0], [9.0, 10.0, 11.0]]))


def test_contrast_is_mean_plus_standard_deviation_over_the_picture():
    feat = torch.randn(2, 3, 7, 5)
    wanted = feat.numpy().mean((2, 3)) + feat.numpy().std((2, 3))
    assert torch.allclose(contrast(feat)[..., 0, 0], torch.from_numpy(wanted), atol=1e-6)


def test_a_flat_picture_can_be_learned_from():
    feat = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    contrast(feat).sum().backward()
    assert feat.grad is not None
    assert torch.allclose(feat.grad, torch.full_like(feat, 1 / 16))


def test_what_was_distilled_early_is_not_worked_on_again():
    """The first quarter of the channels goes ahead after one convolution: it sees one pixel around, the last four."""
    torch.manual_seed(0)
    block = DistillationBlock(8)
    seen: list[torch.Tensor] = []
    block.attention.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    picture = torch.zeros(1, 8, 11, 11)
    with torch.no_grad():
        block(picture)
        picture[..., 5, 5] = 1
        block(picture)
    changed = (seen[0] != seen[1])[0].any(1)  # channels x columns
    reach = [(quarter.any(0).nonzero() - 5).abs().max().item() for quarter in changed.split(2)]
    assert reach == [1, 2, 3, 4]
