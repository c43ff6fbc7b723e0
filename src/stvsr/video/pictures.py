"""A folder of pictures as a film: natural order, one frame each, 24 per second unless told otherwise."""

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.error import FFmpegError

from stvsr.errors import InputError
from stvsr.video import pixels
from stvsr.video.colour import colour_of
from stvsr.video.info import VideoInfo

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
DEFAULT_RATE = Fraction(24)


def list_pictures(folder: Path) -> list[Path]:
    """The pictures of a folder, ``frame2`` before ``frame10``. Raises InputError where there are none."""
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")]
    except PermissionError as error:
        raise InputError(f"{folder} may not be read: {error.strerror}. Change its permissions (chmod +rx).") from error
    if not found:
        raise InputError(f"{folder} holds no pictures. Put {', '.join(SUFFIXES)} files there, or give a video file.")
    return sorted(found, key=_natural)


def probe_pictures(folder: Path, rate: Fraction = DEFAULT_RATE) -> VideoInfo:
    """The facts of a folder of pictures, from the first one and their number."""
    paths = list_pictures(folder)
    first = read_picture(paths[0])
    name = first.format.name
    colour = colour_of(
        matrix=first.colorspace,
        color_range=first.color_range,
        primaries=first.color_primaries,
        transfer=first.color_trc,
        height=first.height,
        is_rgb=pixels.is_rgb(name),
        is_full_format=name.startswith(("yuvj", "gray", "ya")),
    )
    return VideoInfo(
        path=str(folder),
        container="pictures",
        codec=paths[0].suffix.lower().lstrip("."),
        width=first.width,
        height=first.height,
        sample_aspect_ratio=Fraction(1),
        rotation=0,
        display_matrix=None,
        pixel_format=name,
        bit_depth=pixels.bit_depth(name),
        colour=colour,
        hdr=None,
        interlaced=False,
        time_base=1 / rate,
        start_time=Fraction(0),
        duration=len(paths) / rate,
        average_rate=rate,
        constant_rate=True,
        frame_count=len(paths),
        remarks=(f"{len(paths)} pictures, shown at {rate} per second",)
        + (("transparency is dropped",) if pixels.has_alpha(name) else ()),
    )


def read_pictures(folder: Path, info: VideoInfo, first: int = 0, stop: int | None = None) -> Iterator[av.VideoFrame]:
    """Every picture in order, or those from ``first`` to before ``stop``.

    Raises InputError for one that cannot be read or differs in size from the first.
    """
    for index, path in islice(enumerate(list_pictures(folder)), first, stop):
        picture = read_picture(path)
        picture.pts, picture.time_base = index, info.time_base
        if (picture.width, picture.height) != (info.width, info.height):
            raise InputError(
                f"{path} is {picture.width}x{picture.height}, but the first picture of the folder is "
                f"{info.width}x{info.height}. A film has one size: resize or move the odd ones."
            )
        yield picture


def read_picture(path: Path) -> av.VideoFrame:
    """One picture file, decoded."""
    try:
        with path.open("rb") as file, av.open(file, "r") as container:
            return next(container.decode(video=0))
    except (FFmpegError, OSError, StopIteration, IndexError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"The picture {path} cannot be read ({reason}). Remove or replace it.") from error


def _natural(path: Path) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts]
