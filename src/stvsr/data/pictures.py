"""Clips as folders of picture files, one per frame: REDS, GoPro, Adobe240 once extracted, and Vimeo-90K."""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from stvsr.data.source import UNKNOWN, ClipSource, Origin
from stvsr.errors import TrainingError

PICTURES = {".bmp", ".jpg", ".jpeg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
DAMAGED_COPY = re.compile(r"blur|bicubic|jpeg_?comp|^x[234]$|^lr$", re.IGNORECASE)
"""Folders of REDS and GoPro that hold the input of other tasks: ``train_blur``, ``blur_gamma``, ``X4`` ..."""
VIMEO_LISTS = {"tri": 3, "sep": 7}
"""How the lists of triplets and septuplets begin, and how many frames each entry has."""
SPEEDS = ("fast", "medium", "slow")


@dataclass(frozen=True, slots=True)
class PictureClip:
    """One picture file per frame."""

    name: str
    files: tuple[Path, ...]
    origin: Origin = UNKNOWN

    def __len__(self) -> int:
        return len(self.files)

    def read(self, numbers: Sequence[int]) -> UInt8[Tensor, "s c h w"]:
        return in_one_size([read_picture(self.files[number]) for number in numbers], self.name)


def read_picture(path: Path) -> UInt8[Tensor, "c h w"]:
    """A picture file as RGB; grey becomes three equal colours, 16 bits become 8, transparency is dropped."""
    try:
        with Image.open(path) as picture:
            if picture.mode.startswith("I"):  # Pillow would clip 16 bits to 255
                values = np.asarray(picture).astype(np.int64) // 257
                return torch.from_numpy(values.clip(0, 255).astype(np.uint8))[None].repeat(3, 1, 1)
            return torch.from_numpy(np.array(picture.convert("RGB"))).permute(2, 0, 1)
    except FileNotFoundError:
        raise TrainingError(f"{path} is not there. Extract the set again, or mend its list.") from None
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise TrainingError(f"{path} cannot be read as a picture ({error}). Copy or download it again.") from error


def in_one_size(pictures: Sequence[UInt8[Tensor, "c _ _"]], name: str) -> UInt8[Tensor, "s c h w"]:
    """The frames of a clip as one tensor. Raises TrainingError where their sizes differ."""
    sizes = {tuple(picture.shape[-2:]) for picture in pictures}
    if len(sizes) > 1:
        listed = " and ".join(f"{width}x{height}" for height, width in sorted(sizes))
        raise TrainingError(f"{name} mixes frames of {listed}. Keep frames of one size in a folder.")
    return torch.stack(list(pictures))


def open_frame_folders(folder: Path, report: Callable[[str], None] = print) -> ClipSource | None:
    """Every folder, however deep, that holds numbered pictures is a clip; a missing number starts another. Folders of
    blurred or shrunk copies are left out. None where there is no such folder."""
    clips: list[PictureClip] = []
    copies = 0
    for here, inside, files in os.walk(folder):
        copies += sum(bool(DAMAGED_COPY.search(name)) for name in inside)
        inside[:] = sorted(name for name in inside if not name.startswith(".") and not DAMAGED_COPY.search(name))
        pictures = [Path(here, name) for name in files if Path(name).suffix.lower() in PICTURES and name[0] != "."]
        numbered = sorted((int(found[-1]), path) for path in pictures if (found := re.findall(r"\d+", path.stem)))
        for run in even_runs([number for number, _ in numbered]):
            name = Path(here).relative_to(folder).as_posix()
            start = f":{numbered[run.start][1].stem}" if len(run) < len(numbered) else ""
            files_of_run = tuple(path for _, path in numbered[run.start : run.stop])
            if len(run) > 2:
                clips.append(PictureClip(f"{name}{start}", files_of_run, Origin(folder.resolve().name, film=name)))
    if copies:
        report(f"{folder}: {copies} folders of blurred or shrunk copies are left out")
    return ClipSource(name=str(folder), clips=clips, report=report) if clips else None


def even_runs(times: Sequence[int], *, tolerance: float = 0.0) -> list[range]:
    """The stretches at equal steps: between frames at unequal distances, an instant between is not where it is said
    to be. tolerance: by what share of it steps may differ from the usual one."""
    steps = np.diff(times)
    if not len(steps):
        return [range(len(times))] if len(times) else []
    usual = float(np.median(steps))
    ends = np.flatnonzero((np.abs(steps - usual) > tolerance * usual) | (steps <= 0)) + 1
    bounds = [0, *ends.tolist(), len(times)]
    return [range(first, end) for first, end in pairwise(bounds)]


def open_vimeo(folder: Path, part: str | Path = "train", report: Callable[[str], None] = print) -> ClipSource:
    """Vimeo-90K as it is handed out: a list beside the folder ``sequences``.

    part: "train" or "test"; "fast", "medium" or "slow" for ``fast_testset.txt`` and so on beside them, the split of
    the septuplet test set that space-time papers report; or the path of another list.
    Raises TrainingError where the list, or what it lists first, is missing.
    """
    kind = next((kind for kind in VIMEO_LISTS if list(folder.glob(f"{kind}_t*list.txt"))), "sep")
    names = {"train": f"{kind}_trainlist.txt", "test": f"{kind}_testlist.txt"}
    names |= {speed: f"{speed}_testset.txt" for speed in SPEEDS}
    path = folder / names[part] if isinstance(part, str) and part in names else Path(part)
    if not path.is_file():
        raise TrainingError(
            f"There is no list {path}. Choose train, test, {', '.join(SPEEDS)}, or give the path of a list "
            f"(the three speeds come with the code of Zooming Slow-Mo)."
        )
    entries = path.read_text().split()
    files = tuple(f"im{number + 1}.png" for number in range(VIMEO_LISTS[kind]))
    clips = [
        PictureClip(
            entry,
            tuple(folder / "sequences" / entry / file for file in files),
            Origin("Vimeo-90K", film=entry.split("/")[0]),  # neighbours in a folder may be of one film
        )
        for entry in entries
    ]
    if not clips:
        raise TrainingError(f"{path} is empty. Take the list of the data set.")
    if not clips[0].files[0].exists():
        raise TrainingError(f"{path} lists {entries[0]}, but there is no {clips[0].files[0]}. Extract the whole set.")
    return ClipSource(name=f"{folder} ({path.name})", clips=clips, report=report)
