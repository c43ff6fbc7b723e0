"""From a path to a source: what is there says what it is."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from stvsr.data.footage import read_footage
from stvsr.data.memory import ShotSource
from stvsr.data.pack import open_pack
from stvsr.data.pictures import PICTURES, VIMEO_LISTS, PictureClip, open_frame_folders, open_vimeo
from stvsr.data.source import Origin, Source
from stvsr.data.stills import USUAL, CameraMotion, StillSource
from stvsr.data.videos import VIDEOS, find_videos, open_videos
from stvsr.errors import TrainingError

PACK = ".pack"
RECOGNISED = f"""Training data can be
  a folder with footage.csv             clips under one table, held in memory
  a folder with tri_trainlist.txt       Vimeo-90K triplets, beside sequences/
  a folder with sep_trainlist.txt       Vimeo-90K septuplets, beside sequences/
  folders of numbered pictures          REDS, GoPro, Adobe240: 000.png, 001.png, ... however deep
  videos, or one video                  {" ".join(sorted(VIDEOS))}
  a pack                                *{PACK}"""


def open_source(path: Path, *, most_clips: int | None = None, report: Callable[[str], None] = print) -> Source:
    """Whatever kind of training data lies there; ``report`` is told what is left out, and why.

    most_clips: of a footage table, only so many. Raises TrainingError where nothing is recognised, saying what would
    be, and where what is recognised cannot be used.
    """
    if not path.exists():
        raise TrainingError(f"There is nothing at {path}. Check the spelling of --data.")
    if path.is_file():
        if path.suffix.lower() == PACK:
            return open_pack(path, report)
        videos = open_videos(path, report) if path.suffix.lower() in VIDEOS else None
        if videos is None:
            raise TrainingError(f"{path} is no video and no pack. {RECOGNISED}")
        return videos
    if (path / "footage.csv").exists():
        return ShotSource(name=str(path), clips=read_footage(path, most_clips=most_clips))
    if any((path / f"{kind}_trainlist.txt").exists() for kind in VIMEO_LISTS):
        return open_vimeo(path, report=report)
    folders, has_videos = open_frame_folders(path, report), any(find_videos(path))
    if folders and has_videos:
        raise TrainingError(
            f"{path} holds both videos ({next(find_videos(path)).name} ...) and folders of pictures "
            f"({folders.clips[0].name} ...). Point --data at one or the other."
        )
    source = folders or open_videos(path, report)
    if source is None:
        raise TrainingError(f"{path} holds {contents(path)}, none of which is recognised. {RECOGNISED}")
    return source


def open_stills(
    path: Path,
    *,
    motion: CameraMotion = USUAL,
    report: Callable[[str], None] = print,
) -> StillSource:
    """Still pictures to be moved: those of a folder, however deep; else the frames of whatever ``open_source`` finds.

    Raises TrainingError where there is neither.
    """
    table = any((path / name).exists() for name in ("footage.csv", *(f"{kind}_trainlist.txt" for kind in VIMEO_LISTS)))
    if path.is_dir() and not table:
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in PICTURES and file.name[0] != ".")
        origin = Origin(path.resolve().name)
        clips = [PictureClip(file.relative_to(path).as_posix(), (file,), origin) for file in files]
        if clips:
            return StillSource(name=str(path), clips=clips, motion=motion, report=report)
    return StillSource(name=str(path), clips=open_source(path, report=report).clips, motion=motion, report=report)


def contents(folder: Path) -> str:
    """A folder's files by their kind, for a message."""
    kinds = Counter(path.suffix.lower() or "no ending" for path in folder.rglob("*") if path.is_file())
    return ", ".join(f"{count} files ({kind})" for kind, count in kinds.most_common(4)) or "nothing"
