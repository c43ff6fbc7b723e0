"""Dense optical flow by polynomial expansion (Farnebäck, Two-Frame Motion Estimation Based on Polynomial Expansion,
SCIA 2003), differentiable and on any device.

Around every pixel both pictures are taken for quadratic polynomials x'Ax + b'x + c. Where one is the other moved by d,
b changes by -2Ad, so d follows from the two b by least squares over a window; repeated from coarse to fine.
The paper leaves the pyramid, the window and the border open; there this follows what OpenCV's
``calcOpticalFlowFarneback`` documents and does, and agrees with it (tests/ops/test_flow.py).

All filters are separable; nothing depends on the data but the numbers, so it can be traced and counted as well.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.ops.resize import full_precision
from stvsr.ops.warp import backward_warp

SMALLEST = 32
"""The pyramid has no level with a shorter side: motion cannot be told from texture there."""


def farneback(
    first: Float[Tensor, "b 3 h w"],
    second: Float[Tensor, "b 3 h w"],
    *,
    levels: int = 3,
    window: int = 15,
    iterations: int = 3,
    reach: int = 5,
    sigma: float = 1.1,
    gaussian: bool = False,
) -> Float[Tensor, "b 2 h w"]:
    """For each pixel of ``first`` where it lies in ``second``: pixels, x before y.

    first, second: RGB in [0, 1]; only their grey (Y' of BT.601) counts.
    levels: halvings above the full size, fewer for small pictures. window: side of the square, in pixels, within which
    motion is taken for constant; ``gaussian`` lets its middle count more. iterations: at each level.
    reach, sigma: half the side of a polynomial's neighbourhood and the spread of its Gaussian weights, in pixels.
    Returns at least fp32, whatever the precision around.
    """
    with full_precision(first):
        pair = 255 * torch.cat([grey(first), grey(second)])  # the damping of ``solve`` is meant for 8-bit levels
        spread = window_weights(window, gaussian)
        flow = None
        for level in reversed(range(depth(pair.shape[-2], pair.shape[-1], levels) + 1)):
            here, there = expand(shrunk(pair, level), reach, sigma).chunk(2)
            if flow is None:
                flow = torch.zeros_like(here[:, :2])
            else:
                flow = 2 * F.interpolate(flow, size=here.shape[-2:], mode="bilinear", align_corners=False)
            for _ in range(iterations):
                flow = solve(smooth(equations(here, there, flow), spread, mode="replicate"))
        assert flow is not None
        return flow


def grey(frame: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
    red, green, blue = frame.to(torch.promote_types(frame.dtype, torch.float32)).split(1, dim=1)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def depth(height: int, width: int, levels: int) -> int:
    """How often the picture can be halved."""
    return max(level for level in range(levels + 1) if level == 0 or min(height, width) * 0.5**level >= SMALLEST)


def shrunk(picture: Float[Tensor, "n 1 h w"], level: int) -> Float[Tensor, "n 1 h2 w2"]:
    """One level of the pyramid, made from the full size: blurred by what shrinking would alias, then resampled."""
    shrink = 2**level
    blur = (shrink - 1) / 2
    taps = max(round(5 * blur) | 1, 3)
    kernel = gaussian_weights(taps // 2, blur) if level else [0.25, 0.5, 0.25]
    # beyond the border the picture is mirrored, if there is enough of it
    mode = "reflect" if min(picture.shape[-2:]) > taps // 2 else "replicate"
    soft = smooth(picture, kernel, mode=mode)
    size = [round(side / shrink) for side in picture.shape[-2:]]
    return F.interpolate(soft, size=size, mode="bilinear", align_corners=False) if level else soft


def expand(picture: Float[Tensor, "n 1 h w"], reach: int, sigma: float) -> Float[Tensor, "n 5 h w"]:
    """The polynomial around each pixel: coefficients of x, y, xx, yy, xy (Section 2 of the paper).

    The weighted least squares fit is a convolution with the dual of the basis. For a Gaussian, 1, x and x² - E[x²] are
    orthogonal in each axis, so the dual has a closed form and separates. Beyond the border the edge pixel repeats.
    """
    places = range(-reach, reach + 1)
    weight = gaussian_weights(reach, sigma)
    second = sum(w * x**2 for w, x in zip(weight, places, strict=True))
    fourth = sum(w * x**4 for w, x in zip(weight, places, strict=True))
    slope = [w * x / second for w, x in zip(weight, places, strict=True)]
    bend = [w * (x**2 - second) / (fourth - second**2) for w, x in zip(weight, places, strict=True)]
    flat, none = weight, [0.0] * len(weight)
    padded = F.pad(picture, (reach, reach, reach, reach), mode="replicate")
    columns = F.conv2d(padded, picture.new_tensor([flat, slope, bend])[:, None, :, None])
    rows = [
        [slope, none, none],  # x
        [none, flat, none],  # y
        [bend, none, none],  # xx
        [none, none, flat],  # yy
        [none, slope, none],  # xy
    ]
    return F.conv2d(columns, picture.new_tensor(rows)[:, :, None])


def equations(
    here: Float[Tensor, "b 5 h w"], there: Float[Tensor, "b 5 h w"], flow: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b 5 h w"]:
    """What each pixel says about its motion, given the motion so far (Section 4): the normal equations A'A d = A'b.

    Channels: xx, xy, yy of A'A, then x, y of A'b. Near the border a pixel counts for less, as it saw repeated ones.
    """
    height, width = here.shape[-2:]
    x = torch.arange(width, device=flow.device) + flow[:, :1].detach()
    y = torch.arange(height, device=flow.device)[:, None] + flow[:, 1:].detach()
    inside = (x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)
    seen = backward_warp(there, flow)
    # what moved out of the picture is taken for as bent as it was, and flat
    linear = (here[:, :2] - torch.where(inside, seen[:, :2], 0)) / 2
    xx, yy, xy = ((here[:, 2:] + torch.where(inside, seen[:, 2:], here[:, 2:])) / 2).split(1, dim=1)
    xy = xy / 2  # the coefficient of xy stands twice in A
    dx, dy = flow.split(1, dim=1)
    b_x = linear[:, :1] + xx * dx + xy * dy
    b_y = linear[:, 1:] + xy * dx + yy * dy
    trust = border_trust(height, here)[:, None] * border_trust(width, here)
    products = [xx * xx + xy * xy, xy * (xx + yy), yy * yy + xy * xy, xx * b_x + xy * b_y, xy * b_x + yy * b_y]
    return torch.cat(products, dim=1) * trust**2


def border_trust(size: int, like: Tensor) -> Float[Tensor, " {size}"]:
    """How much an equation counts, by its distance to the nearer end."""
    trust = [1.0] * size
    for distance, share in enumerate((0.14, 0.14, 0.4472, 0.4472, 0.4472)[:size]):
        trust[distance] *= share
        trust[-1 - distance] *= share
    return like.new_tensor(trust)


def solve(sums: Float[Tensor, "b 5 h w"], *, damping: float = 1e-3) -> Float[Tensor, "b 2 h w"]:
    """The motion that fits a window's equations best; damped towards none where there is no texture."""
    xx, xy, yy, x, y = sums.split(1, dim=1)
    return torch.cat([yy * x - xy * y, xx * y - xy * x], dim=1) / (xx * yy - xy * xy + damping)


def window_weights(window: int, gaussian: bool) -> list[float]:
    half = window // 2
    return gaussian_weights(half, 0.3 * half) if gaussian else [1 / (2 * half + 1)] * (2 * half + 1)


def gaussian_weights(half: int, sigma: float) -> list[float]:
    weights = [math.exp(-(x**2) / (2 * sigma**2)) for x in range(-half, half + 1)]
    return [weight / sum(weights) for weight in weights]


def smooth(picture: Float[Tensor, "n c h w"], weights: list[float], *, mode: str) -> Float[Tensor, "n c h w"]:
    """Convolve every channel with the same weights in both axes."""
    half, channels = len(weights) // 2, picture.shape[1]
    kernel = picture.new_tensor(weights).expand(channels, 1, 1, -1).contiguous()
    padded = F.pad(picture, (half, half, half, half), mode=mode)
    return F.conv2d(F.conv2d(padded, kernel.mT, groups=channels), kernel, groups=channels)
