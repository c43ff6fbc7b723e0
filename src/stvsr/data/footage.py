"""Training footage: a folder of clips with ``footage.csv`` beside them becomes shots in memory.

``footage.csv`` has a row per clip: file, licence, quality (1-5), shots (first and past-the-last frame of each), crop
(left, top, width, height) and more. What was compressed is shrunk first, because a network learns the damage of its
targets: quality 5 stays as it is, the rest is shrunk to 1/2, and everything to at most 480 rows. Long shots are cut
off, because more of the same teaches little and memory is dear.
"""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import torch
from av.error import FFmpegError
from jaxtyping import UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import from_bytes, to_bytes
from stvsr.data.source import Origin
from stvsr.errors import TrainingError
from stvsr.ops.resize import resize

PICTURES = {".jpg", ".jpeg", ".png", ".webp"}
SHRINK_BY_QUALITY = {5: Fraction(1)}
MOST_ROWS = 480
FEWEST_FRAMES = 7
MOST_FRAMES = 60  # a long shot shows the same things again


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """Frames without a cut."""

    name: str
    frames: UInt8[Tensor, "t c h w"]
    share: float
    """How often it is drawn, relative to its number of frames."""
    origin: Origin = field(default_factory=Origin)

    def __len__(self) -> int:
        return len(self.frames)

    def read(self, numbers: Sequence[int]) -> UInt8[Tensor, "s c h w"]:
        return self.frames[list(numbers)]


def read_footage(folder: Path, *, most_clips: int | None = None) -> list[Shot]:
    """The shots listed in ``footage.csv``, cut, cropped and shrunk; clips are decoded side by side.
    most_clips: only so many, from all over the table.

    Raises TrainingError where there is no table, a file is missing or cannot be decoded, or no shot is long enough.
    """
    table_path = folder / "footage.csv"
    if not table_path.exists():
        raise TrainingError(
            f"{folder} holds no footage.csv, so there is nothing to train on. "
            f"Point --data at a folder of clips with such a table (see docs/training.md)."
        )
    with table_path.open(newline="") as table:
        rows = list(csv.DictReader(table))
    if most_clips is not None and most_clips < len(rows):
        rows = rows[:: len(rows) // most_clips][:most_clips]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        shots = [shot for clip in pool.map(lambda row: read_clip(folder, row), rows) for shot in clip]
    if not shots:
        raise TrainingError(f"{table_path} lists no shot of at least {FEWEST_FRAMES} frames. Add footage.")
    return shots


def read_clip(folder: Path, row: dict[str, str]) -> list[Shot]:
    """The shots of one row of the table."""
    path = folder / row["file"]
    if not path.exists():
        raise TrainingError(f"{folder / 'footage.csv'} lists {row['file']}, which is not there. Mend the table.")
    scale = SHRINK_BY_QUALITY.get(int(row["quality"]), Fraction(1, 2))
    left, top, width, height = json.loads(row["crop"]) if row["crop"] else (0, 0, None, None)
    bounds = json.loads(row["shots"])
    pictures: list[list[Tensor]] = [[] for _ in bounds]
    last = max(min(end, first + MOST_FRAMES) for first, end in bounds)
    for number, picture in enumerate(islice(decode(path), last)):
        for shot, (first, end) in zip(pictures, bounds, strict=True):
            if first <= number < min(end, first + MOST_FRAMES):
                bottom, right = top + height if height else None, left + width if width else None
                shot.append(fit(picture[:, top:bottom, left:right], scale))
    # twenty sign-language clips share one room: without this they would be a seventh of all that is seen
    share = 0.2 if "asl_gestures" in row["file"] else 1.0
    name = row["file"].removeprefix("train/")
    origin = Origin(row.get("source") or "", row.get("licence") or "", film=name)
    return [
        Shot(name=f"{name}:{index}", frames=torch.stack(shot), share=share, origin=origin)
        for index, shot in enumerate(pictures)
        if len(shot) >= FEWEST_FRAMES
    ]


def fit(picture: UInt8[Tensor, "c h w"], scale: Fraction) -> UInt8[Tensor, "c h2 w2"]:
    """Shrink, and crop to multiples of 8."""
    scale = min(scale, Fraction(MOST_ROWS, min(picture.shape[-2:])))
    if scale == Fraction(1, 2):
        picture = to_bytes(F.avg_pool2d(from_bytes(picture), 2))
    elif scale < 1:
        picture = to_bytes(resize(from_bytes(picture), scale))
    return picture[:, : picture.shape[-2] // 8 * 8, : picture.shape[-1] // 8 * 8]


def decode(path: Path) -> Iterator[UInt8[Tensor, "c h w"]]:
    """The pictures of a video file, or of a folder of picture files in the order of their names."""
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in PICTURES) if path.is_dir() else [path]
    for file in files:
        try:
            with av.open(str(file)) as container:
                for frame in container.decode(video=0):
                    yield torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)
        except FFmpegError as error:
            raise TrainingError(
                f"{file} cannot be decoded ({error}). Remove it from footage.csv, or mend it."
            ) from error
