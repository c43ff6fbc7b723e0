"""The deformable convolution as a layer: offsets and masks come from guide features by one convolution."""

from jaxtyping import Float
from torch import Tensor, nn

from stvsr.ops.deform import deform_conv2d


class DeformableConv(nn.Module):
    """Modulated deformable 3x3 convolution (DCNv2), steered by ``guide``; starts as half a plain convolution.

    The guide's convolution has 3 x 9 outputs per group: two offsets and a mask for each tap, and starts at zero.
    """

    def __init__(self, width_in: int, width: int, *, guide_width: int | None = None, groups: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width_in, width, 3, padding=1)  # holds weight and bias
        self.steer = nn.Conv2d(guide_width or width_in, 27 * groups, 3, padding=1)
        nn.init.zeros_(self.steer.weight)
        nn.init.zeros_(self.steer.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, feat: Float[Tensor, "n d h w"], guide: Float[Tensor, "n d2 h w"]) -> Float[Tensor, "n e h w"]:
        steering = self.steer(guide)
        count = steering.shape[1] // 3
        offset, mask = steering[:, : 2 * count], steering[:, 2 * count :].sigmoid()
        return deform_conv2d(feat, offset, mask, self.conv.weight, self.conv.bias)
