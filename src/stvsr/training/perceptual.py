"""The perceptual term: pictures are compared by what VGG-19 sees in them (Johnson et al. 2016), TP's Eq. 8 and STINet's
l_per. The network is Simonyan and Zisserman's (2015), its weights are torchvision's; they are not ours to ship.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.errors import SettingsError, WeightsError

FILE = "vgg19-dcbb9e9d.pth"
URL = f"https://download.pytorch.org/models/{FILE}"
CENTRE, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue in the photographs that VGG learned from."""
STAGES = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
"""Convolutions and their width; between stages pictures are halved."""
PLACES = [(stage, number) for stage, (count, _) in enumerate(STAGES, 1) for number in range(1, count + 1)]

Likeness = Callable[[Tensor, Tensor], tuple[Tensor | float, dict[str, Tensor]]]
"""Frames and true frames: what is added to the loss, and the term for the log."""


@dataclass(frozen=True, kw_only=True)
class Perceptual:
    """Squared differences of features, averaged over each layer and added up over the layers."""

    weight: float = 0.0
    """0: no such term, and no weights are needed."""
    layers: tuple[str, ...] = ("relu5_4",)
    """After the ReLU of the n-th convolution in a stage."""
    file: str = ""
    """Path of torchvision's weights; empty: PyTorch's cache, or the network."""

    def __post_init__(self) -> None:
        known = [f"relu{stage}_{number}" for stage, number in PLACES]
        unknown = [name for name in self.layers if name not in known]
        if unknown:
            raise SettingsError(f"VGG-19 has no layer {unknown[0]!r}. Choose among {', '.join(known)}.")


def perceptual_term(perceptual: Perceptual, device: torch.device) -> Likeness:
    """The term, with VGG-19 on the device. Raises WeightsError where its weights cannot be had."""
    vgg = load_vgg(perceptual).to(device)

    def likeness(
        ours: Float[Tensor, "b s 3 H W"], true: Float[Tensor, "b s 3 H W"]
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        seen, wanted = (vgg(rearrange(frames.float(), "b s c h w -> (b s) c h w")) for frames in (ours, true))
        term = torch.stack([F.mse_loss(*pair) for pair in zip(seen, wanted, strict=True)]).sum()
        return perceptual.weight * term, {"vgg": term.detach()}

    return likeness


def no_perceptual_term(_ours: Tensor, _true: Tensor) -> tuple[float, dict[str, Tensor]]:
    """For recipes without it."""
    return 0.0, {}


class VGG19(nn.Module):
    """The convolutions of VGG-19, named as torchvision names them, up to the deepest layer that is asked for."""

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__()
        self.features = nn.ModuleDict()
        self.layers = tuple(layers)
        depth, index, before = max(places_of(layers)), 0, 3
        for stage, (count, width) in enumerate(STAGES, 1):
            for number in range(1, count + 1):
                if (stage, number) <= depth:
                    self.features[str(index)] = nn.Conv2d(before, width, 3, padding=1)
                index, before = index + 2, width
            index += 1

    def forward(self, pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n _ _ _"]]:
        """The asked layers, shallow ones first, of pictures in [0, 1]."""
        centre, spread = (pictures.new_tensor(values)[:, None, None] for values in (CENTRE, SPREAD))
        feat, wanted = (pictures - centre) / spread, set(places_of(self.layers))
        seen = []
        for (stage, number), convolution in zip(PLACES, self.features.values(), strict=False):
            if number == 1 and stage > 1:
                feat = F.max_pool2d(feat, 2)
            feat = F.relu(convolution(feat))
            if (stage, number) in wanted:
                seen.append(feat)
        return seen


def places_of(layers: Sequence[str]) -> list[tuple[int, int]]:
    """Stage and number of "relu3_1"."""
    return [(int(name[4]), int(name[6])) for name in layers]


def load_vgg(perceptual: Perceptual) -> VGG19:
    """VGG-19, which never learns. Raises WeightsError where its weights are missing or are not torchvision's."""
    path = Path(perceptual.file) if perceptual.file else Path(torch.hub.get_dir(), "checkpoints", FILE)
    without = (
        f"Download {URL} elsewhere and give it with --set perceptual.file=PATH, "
        f"or go on without the perceptual term: --set perceptual.weight=0."
    )
    if not path.exists():
        if perceptual.file:
            raise WeightsError(f"There are no weights of VGG-19 at {path}. {without}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL, str(path), hash_prefix="dcbb9e9d", progress=False)
        except (OSError, RuntimeError) as error:
            raise WeightsError(f"The recipe needs VGG-19, which cannot be had here ({error}). {without}") from error
    vgg = VGG19(perceptual.layers)
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        vgg.load_state_dict({name: state[name] for name in vgg.state_dict()})
    except (KeyError, TypeError, RuntimeError, UnpicklingError, EOFError, OSError) as error:
        raise WeightsError(f"{path} does not hold torchvision's VGG-19 ({error}). {without}") from error
    return vgg.eval().requires_grad_(False)
