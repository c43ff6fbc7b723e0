"""The pictures of an evaluation, drawn clip by clip while it runs: at most one clip's frames are held."""

from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from stvsr.data.degrade import from_bytes, to_bytes
from stvsr.errors import OutputError
from stvsr.evaluation.comparison import Comparison
from stvsr.evaluation.figures import Film, frame_by_frame, quality_against, side_by_side
from stvsr.evaluation.metrics import luma, psnr

ORIGINAL = "original"


class Gallery:
    """Pictures of one suite in a folder: ``CLIP.jpg`` (all networks side by side), ``CLIP-frames.png`` (PSNR frame by
    frame) and ``quality.png`` (against parameters, beside the published systems)."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"Cannot write pictures to {folder}: {error}. Choose another folder.") from error
        self.folder = folder
        self.clip = ""
        self.held: dict[str, list[UInt8[Tensor, "n c h w"]]] = {}

    def show(self, network: str, clip: str, images: Float[Tensor, "n c h w"], truth: Float[Tensor, "n c h w"]) -> None:
        """Some frames of a clip, in the order of showing; all networks of a clip come before the next clip."""
        if clip != self.clip:
            self.draw()
            self.clip, self.held = clip, {}
        first = next((name for name in self.held if name != ORIGINAL), network)
        self.held.setdefault(network, []).append(to_bytes(images))
        if network == first:
            self.held.setdefault(ORIGINAL, []).append(to_bytes(truth))

    def draw(self) -> None:
        """The pictures of the clip that is held."""
        if not self.held:
            return
        frames = {name: torch.cat(parts) for name, parts in self.held.items()}
        truth = luma(from_bytes(frames.pop(ORIGINAL)))
        curves = {name: psnr(luma(from_bytes(own)), truth).tolist() for name, own in frames.items()}
        films = [
            Film(title=name, frames=own, note=f"{sum(curves[name]) / len(curves[name]):.2f} dB")
            for name, own in frames.items()
        ]
        films.append(Film(title=ORIGINAL, frames=torch.cat(self.held[ORIGINAL])))
        stem = self.clip.replace("/", "-")
        side_by_side(films, self.folder / f"{stem}.jpg", name=self.clip, instant=0.5)
        frame_by_frame(curves, self.folder / f"{stem}-frames.png", name=self.clip)

    def close(self, comparison: Comparison) -> None:
        """The last clip, and quality against parameters where both are known."""
        self.draw()
        rows = [row for row in comparison.rows if row.psnr is not None and row.parameters]
        if rows:
            quality_against(
                {row.system: (row.parameters or 0, row.psnr or 0) for row in rows},
                self.folder / "quality.png",
                cost="parameters, millions",
                quality=f"PSNR-{comparison.channels}, dB",
                ours={row.system for row in rows if row.source == "here"},
            )
