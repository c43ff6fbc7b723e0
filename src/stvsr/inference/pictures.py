"""Pictures in, pictures out, for programs that have no files: NumPy or PyTorch, a whole clip or a live source."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from stvsr.clip import Frame
from stvsr.errors import InputError
from stvsr.inference.engine import RenderSettings, render
from stvsr.inference.timeline import Target
from stvsr.networks.base import Network
from stvsr.video.shots import mark_shots
from stvsr.weights.catalog import load_network

Picture = np.ndarray | Tensor
"""RGB, h w 3 as an array and 3 h w as a tensor: uint8 in 0 ... 255, or floating point in [0, 1]."""


def enhance_frames(
    frames: Iterable[Picture],
    network: str | Network = "unison-s",
    *,
    scale: int = 4,
    times: int = 2,
    settings: RenderSettings | None = None,
) -> Iterator[Picture]:
    """Enlarge pictures, and make ``times`` out of each. Yields pictures of the kind that came in.

    frames: anything that yields NumPy arrays (h w 3) or PyTorch tensors (3 h w), all alike; RGB, uint8 in 0 ... 255 or
    floating point in [0, 1] (fp32 comes out). A whole clip (t h w 3, or t 3 h w) will do. network: a name, loaded at
    ``scale``, or a network of your own, whose own scale counts. settings: device, precision, tiles.

    Made for live sources too: memory does not grow, and a picture comes out before the source ends. It lags behind by
    the window and five frames at most: ``RenderSettings(window=4)`` lags less than the usual 14, and computes more.
    Nothing is blended across a cut; the last picture is held.
    Raises InputError for other kinds of pictures, and what ``stvsr.inference.render`` raises.
    """
    loaded = load_network(network, scale) if isinstance(network, str) else network
    return pictures_out(iter(frames), loaded, Target(factor=times), settings)


def pictures_out(
    pictures: Iterator[Picture], network: Network, target: Target, settings: RenderSettings | None
) -> Iterator[Picture]:
    first = next(pictures, None)
    if first is None:
        return
    as_numpy, as_bytes = isinstance(first, np.ndarray), first.dtype in (np.uint8, torch.uint8)

    def read() -> Iterator[Frame]:
        yield frame_of(first, 0)
        for index, picture in enumerate(pictures, start=1):
            yield frame_of(picture, index)

    for frame in render(mark_shots(read()), network, target, settings):
        image = frame.image
        if as_bytes:
            image = (255 * image).round().to(torch.uint8)
        yield np.ascontiguousarray(rearrange(image, "c h w -> h w c").numpy()) if as_numpy else image


def frame_of(picture: Picture, index: int) -> Frame:
    return Frame(image=image_of(picture), time=Fraction(index), duration=Fraction(1))


def image_of(picture: object) -> Float[Tensor, "3 h w"]:
    """RGB in [0, 1]. Raises InputError for anything but the kinds that are promised."""
    if isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 3:
        image = rearrange(torch.from_numpy(np.ascontiguousarray(picture)), "h w c -> c h w")
    elif isinstance(picture, Tensor) and picture.ndim == 3 and len(picture) == 3:
        image = picture.detach().cpu()
    else:
        shape = getattr(picture, "shape", None)
        raise InputError(
            f"A picture must be a NumPy array (h w 3) or a PyTorch tensor (3 h w), but a {type(picture).__name__}"
            f"{'' if shape is None else f' of shape {tuple(shape)}'} came in. Convert it first."
        )
    if image.dtype == torch.uint8:
        return image.float() / 255
    if not image.is_floating_point():
        raise InputError(f"Pictures must be uint8 or floating point, but {image.dtype} came in. Convert them first.")
    return image.float()
