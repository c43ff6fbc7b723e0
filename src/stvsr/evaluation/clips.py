"""The clips of a suite: two ways to find them in a folder, and one to read them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from stvsr.data.degrade import to_bytes
from stvsr.errors import InputError
from stvsr.video.pictures import SUFFIXES
from stvsr.video.reader import read_frames

VIDEOS = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm", ".y4m")

Clip = Path | tuple[Path, ...]
"""A video, a folder of pictures, or pictures in the order of their showing."""
Found = tuple[dict[str, Clip], list[str]]
"""Clips by name, and what is missing."""


def films(
    data: Path,
    *,
    names: Mapping[str, int] | Sequence[str] | None = None,
    within: Sequence[str] = (),
    count: int | None = None,
    frames: int | None = None,
) -> Found:
    """Find clips that are videos or folders of pictures.

    names: of the clips, with the number of their frames where it is known; None: all that are there, ``count`` of them.
    within: sub-folders of which the first that is there holds the clips. frames: of every clip.
    """
    home = next((data / place for place in within if (data / place).is_dir()), data)
    there = [path for path in sorted(home.iterdir()) if is_clip(path)]
    if names is None:
        places = {path.name: path for path in there}
        names = list(places)
    else:
        places = {path.stem: path for path in there}
    clips: dict[str, Clip] = {}
    missing = [] if count in (None, len(names)) else [f"it has {len(names)} of {count} clips"]
    for name in names:
        wanted = names[name] if isinstance(names, Mapping) else frames
        path = places.get(name)
        if path is None:
            missing.append(f"{name} has 0 of {wanted} frames" if wanted else f"{name} is not there")
            continue
        originals = path / "truth"  # SPMCS and UDM10 keep other sizes beside them
        clips[name] = path = originals if originals.is_dir() else path
        if wanted and path.is_dir() and (found := pictures_in(path)) != wanted:
            missing.append(f"{name} has {found} of {wanted} frames")
    return clips, missing


def stills(
    data: Path, *, names: Callable[[Path], list[str]], places: Sequence[Sequence[str]], count: int | None = None
) -> Found:
    """Find clips of a few pictures whose places are known.

    names: reads the names of the clips. places: for each frame where its picture may lie, without suffix; ``{}`` is the
    clip's name. count: how many clips there must be.
    """
    clips: dict[str, Clip] = {}
    found = names(data)
    missing = [] if count in (None, len(found)) else [f"it has {len(found)} of {count} clips"]
    for name in found:
        pictures = [picture_at(data, [place.format(name) for place in options]) for options in places]
        clips[name] = whole = tuple(picture for picture in pictures if picture is not None)
        if len(whole) < len(pictures):
            missing.append(f"{name} has {len(whole)} of {len(pictures)} frames")
    return clips, missing


def listed(data: Path, *, lists: Sequence[str]) -> list[str]:
    """The lines of the first of these files that is there."""
    file = next((data / name for name in lists if (data / name).is_file()), None)
    return file.read_text().split() if file else []


def subfolders(data: Path) -> list[str]:
    """Their names, "9" before "10"."""
    names = [path.name for path in data.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(names, key=lambda name: (int(name) if name.isdecimal() else 0, name))


def picture_at(data: Path, stems: Sequence[str]) -> Path | None:
    options = (data / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES)
    return next((path for path in options if path.is_file()), None)


def pictures_in(folder: Path) -> int:
    """How many there are."""
    return sum(path.suffix.lower() in SUFFIXES and not path.name.startswith(".") for path in folder.iterdir())


def is_clip(path: Path) -> bool:
    return not path.name.startswith(".") and (path.is_dir() or path.suffix.lower() in VIDEOS)


def read_clip(clip: Clip, *, least: int = 1, most: int | None = None) -> Iterator[UInt8[Tensor, "c h w"]]:
    """The frames of a clip, as bytes, but no more than ``most``. Raises InputError for fewer than ``least``."""
    frames = (read_picture(path) for path in clip) if isinstance(clip, tuple) else read_film(clip)
    count = 0
    for frame in islice(frames, most):
        yield frame
        count += 1
    if count < least:
        path = clip[0].parent if isinstance(clip, tuple) else clip
        raise InputError(
            f"{path} has {count} frames, but a frame between two others takes {least}. Leave this clip out."
        )


def read_film(path: Path) -> Iterator[UInt8[Tensor, "c h w"]]:
    return (to_bytes(frame.image) for frame in read_frames(path))


def read_picture(path: Path) -> UInt8[Tensor, "c h w"]:
    try:
        with Image.open(path) as picture:
            return rearrange(torch.from_numpy(np.array(picture.convert("RGB"))), "h w c -> c h w")
    except (OSError, UnidentifiedImageError) as error:
        raise InputError(f"The picture {path} cannot be read ({error}). Fetch it again.") from error


def count_frames(path: Path) -> int:
    """Of a folder of pictures by counting files, of a video by reading it."""
    return pictures_in(path) if path.is_dir() else sum(1 for _ in read_frames(path))


def cropped(frames: UInt8[Tensor, "*n h w"], scale: int) -> UInt8[Tensor, "*n h2 w2"]:
    """At the right and bottom, to multiples of the scale."""
    height, width = (size // scale * scale for size in frames.shape[-2:])
    return frames[..., :height, :width]
