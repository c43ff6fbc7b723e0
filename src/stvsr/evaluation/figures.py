"""One picture that shows space and time: whole frames, a crop of each, and a temporal profile of each.

A temporal profile is one column of pixels followed through the film, frame by frame (Xiao et al. 2020, Figure 2):
smooth motion draws smooth lines, choppy motion draws stairs. Needs matplotlib: ``pip install 'stvsr[demo]'``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.errors import InputError, MissingExtraError

CROP = 1 / 5
"""Height and width of the crop, as a share of the frame's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """The same scene over the same time as its neighbours in the picture, at its own size and frame rate."""

    title: str
    frames: UInt8[Tensor, "t c h w"]
    note: str = ""
    """A line below the title, such as the PSNR."""


def side_by_side(films: Sequence[Film], target: Path, *, name: str, instant: float) -> None:
    """Write a picture with a column per film: one frame, a crop of it, and the temporal profile.

    instant: which frame, 0 ... 1 of the film's time. The last film is the original: the crop lies where most moves in
    it. The suffix of ``target`` chooses the format.
    Raises MissingExtraError without matplotlib, InputError for films without frames.
    """
    for film in films:
        if not len(film.frames):
            raise InputError(f"{film.title} of {name} has no frame to show. Check that the film was read in full.")
    try:
        from matplotlib.figure import Figure
        from matplotlib.patches import Rectangle
    except ImportError as error:
        raise MissingExtraError(
            "Pictures need matplotlib, which is not installed. Run: pip install 'stvsr[demo]'"
        ) from error
    height, width = films[-1].frames.shape[-2:]
    left, top = liveliest_place(films[-1].frames)
    figure = Figure(figsize=(3.6 * len(films), 3.6 * (height / width + 1.5)), layout="constrained", dpi=110)
    axes = figure.subplots(3, len(films), squeeze=False, height_ratios=[height / width, height / width, 0.6])
    figure.suptitle(name)
    for column, film in enumerate(films):
        frame = film.frames[min(int(instant * len(film.frames)), len(film.frames) - 1)]
        whole, crop, profile = axes[:, column]
        whole.imshow(pixels(frame), extent=(0, 1, 1, 0), interpolation="nearest", aspect="auto")
        whole.add_patch(Rectangle((left, top), CROP, CROP, fill=False, color="gold", linewidth=1.5))
        whole.axvline(left + CROP / 2, color="gold", linewidth=1, linestyle=":")
        whole.set_title(f"{film.title}\n{film.note}", fontsize=10)
        crop.imshow(pixels(cut_out(frame, left, top)), interpolation="nearest", aspect="auto")
        profile.imshow(pixels(temporal_profile(film.frames, left + CROP / 2)), interpolation="nearest", aspect="auto")
    for row, label in enumerate(("frame", "crop", "one column over time →")):
        axes[row, 0].set_ylabel(label)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(target)


def temporal_profile(frames: UInt8[Tensor, "t c h w"], x: float) -> UInt8[Tensor, "c h t"]:
    """The column of pixels at ``x`` (0 ... 1 of the width), one per frame, side by side."""
    column = min(int(x * frames.shape[-1]), frames.shape[-1] - 1)
    return rearrange(frames[..., column], "t c h -> c h t")


def cut_out(frame: UInt8[Tensor, "c h w"], left: float, top: float) -> UInt8[Tensor, "c h2 w2"]:
    """The crop whose corner lies at ``left`` and ``top`` (0 ... 1)."""
    height, width = frame.shape[-2:]
    rows, columns = max(round(CROP * height), 1), max(round(CROP * width), 1)
    y, x = min(round(top * height), height - rows), min(round(left * width), width - columns)
    return frame[:, y : y + rows, x : x + columns]


def liveliest_place(frames: UInt8[Tensor, "t c h w"]) -> tuple[float, float]:
    """Left and top (0 ... 1) of the crop in which neighbouring frames differ most, to a quarter of its size."""
    change = torch.zeros(1, *frames.shape[-2:])
    for before, after in pairwise(frames):  # frame by frame: a film may be long
        change += (after.float() - before.float()).abs().mean(0)
    cells = round(4 / CROP)
    within = F.avg_pool2d(F.adaptive_avg_pool2d(change, cells), 4, stride=1)[0]
    top, left = divmod(int(within.argmax()), within.shape[-1])
    return left / cells, top / cells


def pixels(image: UInt8[Tensor, "c h w"]) -> UInt8[np.ndarray, "h w c"]:
    """As matplotlib takes it."""
    return rearrange(image, "c h w -> h w c").numpy()
