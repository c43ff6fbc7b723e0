"""Frame synthesis out of two frames warped to one instant, and context: the interpolation parts of MBnet.

GridNet: Fourure et al., Residual Conv-Deconv Grid Network for Semantic Segmentation, BMVC 2017, as MBnet draws it in
its Fig. 5: three rows, six columns, and the input of each row at its own size. U-Net: the same work, three levels deep.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.blocks.residual import start_small


class GridNet(nn.Module):
    """Three columns of blocks that go down the rows, then three that go up; the blend of the frames is added."""

    def __init__(self, *, scale: int, feature_width: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.scale = scale
        self.entries = nn.ModuleList(
            block(6 + feature_width * 4**row // scale**2, width) for row, width in enumerate(widths)
        )
        self.down = nn.ModuleList(DownColumn(widths, has_lateral=column > 0) for column in range(3))
        self.up = nn.ModuleList(UpColumn(widths) for _ in range(3))
        self.exit = exit_to_image(widths[0])

    def forward(
        self,
        before: Float[Tensor, "b c H W"],
        after: Float[Tensor, "b c H W"],
        feature: Float[Tensor, "b d h w"] | None,
        share: float,
    ) -> Float[Tensor, "b c H W"]:
        pair = torch.cat([before, after], 1)
        rows = []
        for row, entry in enumerate(self.entries):
            seen = [F.avg_pool2d(pair, 2**row)]
            if feature is not None:
                seen.append(at_row(feature, self.scale, row).to(pair.dtype))
            rows.append(entry(torch.cat(seen, 1)))
        for column in (*self.down, *self.up):
            rows = column(rows)
        return torch.lerp(before, after, share) + self.exit(rows[0])


class DownColumn(nn.Module):
    """One block along each row, then from each row to the next."""

    def __init__(self, widths: Sequence[int], *, has_lateral: bool) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(quiet_block(width, width) for width in widths if has_lateral)
        self.across = nn.ModuleList(block(a, b, stride=2) for a, b in pairwise(widths))

    def forward(self, rows: list[Tensor]) -> list[Tensor]:
        rows = list(rows)
        for index, along in enumerate(self.lateral):
            rows[index] = rows[index] + along(rows[index])
        for index, across in enumerate(self.across):
            rows[index + 1] = rows[index + 1] + across(rows[index])
        return rows


class UpColumn(nn.Module):
    """One block along each row, then from each row to the one above."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(quiet_block(width, width) for width in widths)
        self.across = nn.ModuleList(
            nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), quiet_block(b, a)) for a, b in pairwise(widths)
        )

    def forward(self, rows: list[Tensor]) -> list[Tensor]:
        rows = [row + along(row) for along, row in zip(self.lateral, rows, strict=True)]
        for index, across in reversed(list(enumerate(self.across))):
            rows[index] = rows[index] + across(rows[index + 1])
        return rows


class UNet(nn.Module):
    """Down through the widths and up again, at the output size, with the skips beside; the blend is added."""

    def __init__(self, *, scale: int, feature_width: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.scale = scale
        widths_in = [6 + feature_width // scale**2, *widths[:-1]]
        self.down = nn.ModuleList(block(a, b) for a, b in zip(widths_in, widths, strict=True))
        self.up = nn.ModuleList(block(a + b, a) for a, b in pairwise(widths))
        self.exit = exit_to_image(widths[0])

    def forward(
        self,
        before: Float[Tensor, "b c H W"],
        after: Float[Tensor, "b c H W"],
        feature: Float[Tensor, "b d h w"] | None,
        share: float,
    ) -> Float[Tensor, "b c H W"]:
        seen = [before, after] if feature is None else [before, after, at_row(feature, self.scale, 0)]
        feats = [self.down[0](torch.cat([part.to(before.dtype) for part in seen], 1))]
        for down in list(self.down)[1:]:
            feats.append(down(F.avg_pool2d(feats[-1], 2)))
        feat = feats.pop()
        for up, skip in zip(reversed(list(self.up)), reversed(feats), strict=True):
            feat = up(torch.cat([skip, F.interpolate(feat, scale_factor=2, mode="bilinear")], 1))
        return torch.lerp(before, after, share) + self.exit(feat)


def block(width_in: int, width: int, *, stride: int = 1) -> nn.Sequential:
    """Two convolutions, each with its ReLU."""
    first = nn.Conv2d(width_in, width, 3, padding=1, stride=stride)
    second = nn.Conv2d(width, width, 3, padding=1)
    for conv in (first, second):
        nn.init.kaiming_normal_(conv.weight)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def quiet_block(width_in: int, width: int) -> nn.Sequential:
    """A block that starts with little to say, because it is added to a row that has its features already."""
    layers = block(width_in, width)
    start_small(layers[2])  # pyright: ignore[reportArgumentType]
    return layers


def exit_to_image(width: int) -> nn.Sequential:
    last = nn.Conv2d(width, 3, 3, padding=1)
    start_small(last)
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), last)


def at_row(feature: Float[Tensor, "b d h w"], scale: int, row: int) -> Float[Tensor, "b e h2 w2"]:
    """Bring features of the input size to the size of a row (output size over 2^row) by moving channels into space,
    or back."""
    if 2**row <= scale:
        return F.pixel_shuffle(feature, scale // 2**row)
    return F.pixel_unshuffle(feature, 2**row // scale)
