"""Pictures that judge: frames, crops, errors and temporal profiles side by side; PSNR frame by frame; quality against
cost; what a network's inner maps look like.

A temporal profile is one column of pixels followed through the film, frame by frame (Xiao et al. 2020, Figure 2):
smooth motion draws smooth lines, choppy motion draws stairs. Needs matplotlib: ``pip install 'stvsr[demo]'``.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.errors import InputError, MissingExtraError, SettingsError
from stvsr.networks import Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
    """Write a picture with a column per film: one frame, a crop of it, its error, and two temporal profiles.

    instant: which frame, 0 ... 1 of the film's time. The last film is the original: the crop lies where most moves in
    it. Errors (mean over colours, white at 64 levels of 255) are shown where a film has its size and its frames.
    The suffix of ``target`` chooses the format.
    Raises MissingExtraError without matplotlib, InputError for films without frames.
    """
    for film in films:
        if not len(film.frames):
            raise InputError(f"{film.title} of {name} has no frame to show. Check that the film was read in full.")
    with plotting():
        from matplotlib.patches import Rectangle
    original = films[-1].frames
    height, width = original.shape[-2:]
    left, top = liveliest_place(original)
    comparable = [film.frames.shape == original.shape for film in films]
    shares = {"frame": height / width, "crop": height / width, "error": height / width, "column": 0.6, "row": 0.6}
    if not any(comparable[:-1]):
        del shares["error"]
    figure = new_figure(3.6 * len(films), 3.6 * (sum(shares.values()) + 0.3))
    axes = figure.subplots(len(shares), len(films), squeeze=False, height_ratios=list(shares.values()))
    figure.suptitle(name)
    for column, film in enumerate(films):
        frame = film.frames[min(int(instant * len(film.frames)), len(film.frames) - 1)]
        whole, crop, *_ = axes[:, column]
        upright, lying = axes[-2:, column]
        whole.imshow(pixels(frame), extent=(0, 1, 1, 0), interpolation="nearest", aspect="auto")
        whole.add_patch(Rectangle((left, top), CROP, CROP, fill=False, color="gold", linewidth=1.5))
        whole.axvline(left + CROP / 2, color="gold", linewidth=1, linestyle=":")
        whole.set_title(f"{film.title}\n{film.note}", fontsize=10)
        crop.imshow(pixels(cut_out(frame, left, top)), interpolation="nearest", aspect="auto")
        if "error" in shares and comparable[column]:
            true = original[min(int(instant * len(original)), len(original) - 1)]
            off = (cut_out(frame, left, top).float() - cut_out(true, left, top).float()).abs().mean(0)
            axes[2, column].imshow(off.numpy(), cmap="magma", vmin=0, vmax=64, interpolation="nearest", aspect="auto")
        profile = temporal_profile(film.frames, left + CROP / 2)
        upright.imshow(pixels(profile), interpolation="nearest", aspect="auto")
        profile = temporal_profile(film.frames.mT, top + CROP / 2).mT
        lying.imshow(pixels(profile), interpolation="nearest", aspect="auto")
    labels = {"column": "one column over time →", "row": "time ↓ of one row"}
    for row, label in enumerate(shares):
        axes[row, 0].set_ylabel(labels.get(label, label))
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.savefig(target)


def frame_by_frame(curves: Mapping[str, Sequence[float]], target: Path, *, name: str) -> None:
    """Write PSNR-Y over the frames of a clip, a line for each network."""
    figure = new_figure(7, 3.5)
    axes = figure.add_subplot(xlabel="frame", ylabel="PSNR-Y, dB", title=name)
    for network, psnrs in curves.items():
        axes.plot(psnrs, label=network, marker=".", linewidth=1)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(target)


def quality_against(
    points: Mapping[str, tuple[float, float]], target: Path, *, cost: str, quality: str, ours: Collection[str]
) -> None:
    """Write a scatter of systems, each a (cost, quality); ``ours`` are drawn bold. Costs on a logarithmic axis."""
    figure = new_figure(7, 4.5)
    axes = figure.add_subplot(xlabel=cost, ylabel=quality, xscale="log")
    for system, (x, y) in points.items():
        own = system in ours
        axes.scatter([x], [y], color="tab:red" if own else "tab:blue", s=40 if own else 20)
        axes.annotate(system, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8 if own else 6)
    axes.grid(alpha=0.3)
    figure.savefig(target)


def inner_maps(network: Network, clip: Float[Tensor, "1 t c h w"], parts: Sequence[str], target: Path) -> None:
    """Write the first feature map that each named part of a network makes of a clip: the mean size over its channels,
    as CycMu-Net's Fig. 8 shows its projection units (``up_units.0`` ...) and YOGO's Fig. 9 its hybrid blocks.

    Raises SettingsError for a part that the network does not have.
    """
    modules, seen = dict(network.named_modules()), {}
    unknown = [part for part in parts if part not in modules]
    if unknown:
        raise SettingsError(
            f"{type(network).__name__} has no part {unknown[0]!r}. Try {', '.join(list(modules)[1:6])}."
        )

    def keep(part: str, made: object) -> None:
        first = made[0] if isinstance(made, tuple | list) else made
        assert isinstance(first, Tensor)
        seen.setdefault(part, first.detach().flatten(0, -4)[0].abs().mean(0))

    hooks = [modules[part].register_forward_hook(lambda _m, _i, made, part=part: keep(part, made)) for part in parts]
    try:
        with torch.inference_mode():
            network(clip, [0, 1] if clip.shape[1] > 1 else [0])
    finally:
        for hook in hooks:
            hook.remove()
    figure = new_figure(2.6 * len(seen), 2.6)
    for axes, (part, feat) in zip(figure.subplots(1, len(seen), squeeze=False)[0], seen.items(), strict=True):
        axes.imshow(feat.numpy(), cmap="viridis")
        axes.set_title(part, fontsize=8)
        axes.set_axis_off()
    figure.savefig(target)


@contextmanager
def plotting() -> Iterator[None]:
    """Say what is missing where matplotlib is."""
    try:
        yield
    except ImportError as error:
        raise MissingExtraError(
            "Pictures need matplotlib, which is not installed. Run: pip install 'stvsr[demo]'"
        ) from error


def new_figure(width: float, height: float) -> "Figure":
    with plotting():
        from matplotlib.figure import Figure
    return Figure(figsize=(width, height), layout="constrained", dpi=110)


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
