"""The metrics that take long, or need a file: measured on request, in one pass with the others."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from stvsr.data.degrade import from_bytes
from stvsr.errors import InputError
from stvsr.evaluation.clips import read_picture
from stvsr.evaluation.metrics import luma, psnr_where
from stvsr.evaluation.naturalness import PristineModel, fit_pristine, niqe, save_pristine
from stvsr.evaluation.perceptual import Lpips
from stvsr.evaluation.temporal import flicker, moving, tof, true_motion, warping_error
from stvsr.video.pictures import SUFFIXES


@dataclass(frozen=True, slots=True, kw_only=True)
class Further:
    """What is measured beside PSNR and SSIM; ``docs/metrics.md`` defines each."""

    niqe: PristineModel | None = None
    """The model of undamaged pictures."""
    lpips: Lpips | None = None
    """With its weights."""
    temporal: bool = False
    """Motion, flicker and moving regions: some seconds per frame."""

    def of_frames(
        self, images: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"]
    ) -> dict[str, Float[Tensor, " n"]]:
        """Numbers of single frames."""
        measured = {}
        if self.niqe is not None:
            measured["niqe"] = niqe(images, self.niqe)
        if self.lpips is not None:
            measured["lpips"] = self.lpips(images, truth)
        return measured

    def of_motion(
        self, images: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]
    ) -> dict[str, Float[Tensor, " p"]]:
        """Numbers of neighbouring frames: one for each pair; ``psnr_moving`` is that of the pair's second frame."""
        if not self.temporal or len(images) < 2:
            return {}
        motion = true_motion(truth)
        return {
            "tof": tof(images, motion),
            "warping_error": warping_error(images, motion),
            "flicker": flicker(images, truth, motion),
            "psnr_moving": psnr_where(moving(motion), luma(images), luma(truth))[1:],
        }


def fit_to_folder(folder: Path, target: Path) -> str:
    """Fit a NIQE model to the pictures of a folder, write it, and return its label.

    Raises InputError where there are too few pictures, or too few with sharp parts; OutputError where it cannot write.
    """
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise InputError(f"{folder} holds no picture to fit a NIQE model to. Give a folder of undamaged photographs.")
    pictures = (from_bytes(read_picture(file)) for file in files)
    model = fit_pristine(pictures, label=f"fitted here to {len(files)} pictures of {folder.name}")
    save_pristine(target, model)
    return model.label


class Neighbours:
    """Hands each run of frames on together with the frame before it, if that was shown too."""

    def __init__(self) -> None:
        self.before: tuple[int, Tensor, Tensor] | None = None

    def joined(
        self, indices: list[int], images: Float[Tensor, "n 3 h w"], truth: Float[Tensor, "n 3 h w"]
    ) -> tuple[Float[Tensor, "t 3 h w"], Float[Tensor, "t 3 h w"]]:
        before, self.before = self.before, (indices[-1], images[-1:], truth[-1:])
        if before is None or before[0] != indices[0] - 1:
            return images, truth
        return torch.cat([before[1], images]), torch.cat([before[2], truth])
