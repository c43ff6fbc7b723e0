"""LPIPS: distance between the features that AlexNet sees in two pictures. Lower is better.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018; version 0.1, AlexNet
with linear layers. The weights are not ours to ship: ``load_lpips`` reads them from files.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from pickle import UnpicklingError

import safetensors
import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.errors import InputError, WeightsError

WIDTHS = (64, 192, 384, 256, 256)
SMALLEST = 31
"""Smaller pictures vanish before the third layer."""
CENTRE, SPREAD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of red, green and blue in [-1, 1], in the photographs that AlexNet learned from."""


class Lpips(nn.Module):
    """Five convolutions of AlexNet, and for each how much its channels count."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(3, 64, 11, stride=4, padding=2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
            ]
        )
        self.importance = nn.ParameterList([torch.zeros(width) for width in WIDTHS])

    @torch.no_grad()
    def forward(self, images: Float[Tensor, "n 3 h w"], originals: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
        """The distance of each pair, RGB in [0, 1]. Raises InputError for pictures smaller than 31 x 31."""
        height, width = images.shape[-2:]
        if min(height, width) < SMALLEST:
            raise InputError(f"LPIPS takes pictures of at least {SMALLEST}x{SMALLEST}, but these are {width}x{height}.")
        total = images.new_zeros(len(images))
        for ours, true, weight in zip(self.features(images), self.features(originals), self.importance, strict=True):
            apart = (unit_length(ours) - unit_length(true)).square()
            total = total + torch.einsum("ndhw,d->nhw", apart, weight).mean((-2, -1))
        return total

    def features(self, images: Float[Tensor, "n 3 h w"]) -> Iterator[Float[Tensor, "n d h2 w2"]]:
        """After each convolution's ReLU; pooled before the second and third."""
        centre, spread = (images.new_tensor(values)[:, None, None] for values in (CENTRE, SPREAD))
        feat = (2 * images - 1 - centre) / spread
        for index, convolution in enumerate(self.convolutions):
            if index in (1, 2):
                feat = F.max_pool2d(feat, 3, stride=2)
            feat = F.relu(convolution(feat))
            yield feat


def unit_length(feat: Float[Tensor, "n d h w"]) -> Float[Tensor, "n d h w"]:
    """The vector at each place, divided by its length."""
    return feat / (feat.square().sum(1, keepdim=True).sqrt() + 1e-10)


def load_lpips(*paths: Path) -> Lpips:
    """Build LPIPS from weight files, ``.pth`` or ``.safetensors``.

    Either one file with the whole state of the authors' ``LPIPS(net="alex")``, or two: torchvision's AlexNet, and the
    authors' linear layers (``alex.pth``, version 0.1).

    Raises WeightsError where a file is missing or damaged, or the files together do not hold what is needed.
    """
    given = {name: tensor for path in paths for name, tensor in read_tensors(path).items()}
    held = {ours: tensor for name, tensor in given.items() if (ours := our_name(name)) is not None}
    lpips = Lpips()
    wanted = lpips.state_dict()
    state = {name: tensor.flatten() if name.startswith("importance") else tensor for name, tensor in held.items()}
    wrong = [name for name in wanted if name not in state or state[name].shape != wanted[name].shape]
    if wrong:
        raise WeightsError(
            f"LPIPS lacks {len(wrong)} of {len(wanted)} tensors ({', '.join(wrong)}) in the files given: "
            f"{', '.join(map(str, paths)) or 'none'}. Give torchvision's AlexNet weights and the authors' alex.pth "
            f"(version 0.1)."
        )
    lpips.load_state_dict(state)
    return lpips.eval()


LAYERS = {"0": 0, "3": 1, "6": 2, "8": 3, "10": 4}
"""Where torchvision's AlexNet keeps its convolutions."""


def our_name(name: str) -> str | None:
    """What torchvision or the authors call a tensor, as we call it."""
    if found := re.fullmatch(r"(?:features|net\.slice\d)\.(\d+)\.(weight|bias)", name):
        layer = LAYERS.get(found[1])
        return None if layer is None else f"convolutions.{layer}.{found[2]}"
    if found := re.fullmatch(r"lin(?:s\.)?([0-4])\.model\.1\.weight", name):
        return f"importance.{found[1]}"
    return None


def read_tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise WeightsError(f"There is no weight file at {path}. Check the path.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, UnpicklingError, EOFError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path} is damaged, or not a file of weights ({error}). Copy it again.") from error
