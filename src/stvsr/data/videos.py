"""Clips out of plain video files, decoded on the fly: an index of every frame's time makes seeking exact."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path

import av
import torch
from av.container import InputContainer
from av.error import FFmpegError
from jaxtyping import UInt8
from torch import Tensor

from stvsr.data.pictures import even_runs, in_one_size
from stvsr.data.source import UNKNOWN, ClipSource, Origin
from stvsr.errors import TrainingError

VIDEOS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv", ".y4m"}
UNEVEN = 0.3
"""Steps in time that differ by more than this share start another clip; clocks in milliseconds differ by less."""


@dataclass(frozen=True, slots=True)
class VideoIndex:
    """Where the frames of a file are, from its packets alone: nothing is decoded."""

    path: Path
    times: tuple[int, ...]
    """Of every frame, in the order of display, in ticks of the stream."""
    keys: tuple[int, ...]
    """Of the frames that decoding can begin with."""
    grey: bool


@dataclass(frozen=True, slots=True)
class VideoClip:
    """A stretch of a video at a constant rate. It may hold cuts."""

    name: str
    index: VideoIndex
    stretch: range
    origin: Origin = UNKNOWN

    def __len__(self) -> int:
        return len(self.stretch)

    def read(self, numbers: Sequence[int]) -> UInt8[Tensor, "s c h w"]:
        wanted = [self.index.times[self.stretch[number]] for number in numbers]
        before = self.index.keys[: bisect_right(self.index.keys, wanted[0])]
        pictures = decode_at(self.index, before[-1], wanted) if before else None
        if pictures is None:  # no key frame, or the container's seeking landed too late
            pictures = decode_at(self.index, None, wanted)
        if pictures is None:
            raise TrainingError(f"{self.index.path} does not begin with a whole frame. Convert it, or remove it.")
        return in_one_size(pictures, str(self.index.path))


def index_video(path: Path) -> VideoIndex:
    """Raises TrainingError for a file that is no video, or whose frames have no times."""
    with opened(path) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size and not packet.is_discard]
        pixel_format = stream.codec_context.pix_fmt or ""
    if len(packets) < 2 or any(packet.pts is None for packet in packets):
        raise TrainingError(
            f"{path} gives no times to its {len(packets)} frames. Convert it, for instance to mkv: "
            f"`ffmpeg -i {path.name} -c:v ffv1 {path.stem}.mkv`."
        )
    times = sorted({int(packet.pts or 0) for packet in packets})
    keys = sorted({int(packet.pts or 0) for packet in packets if packet.is_keyframe})
    return VideoIndex(path, tuple(times), tuple(keys), pixel_format.startswith("gray"))


def decode_at(index: VideoIndex, key: int | None, wanted: Sequence[int]) -> list[UInt8[Tensor, "c _ _"]] | None:
    """The frames of these times, decoded from a key frame on; None where the container began after the first, or gives
    frames other times after seeking than before, as MPEG program streams may. Raises TrainingError where one of them is
    broken or missing."""
    pictures: dict[int, Tensor] = {}
    path, started = index.path, False
    with opened(path) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"  # frame threads would decode far beyond what is wanted
        if key is not None:
            container.seek(key, stream=stream)
        for frame in container.decode(stream):
            if key is not None and frame.key_frame and frame.pts not in index.keys:
                return None
            if frame.pts is None or frame.pts < (wanted[0] if key is None else key):
                continue
            if not started and frame.pts > wanted[0]:
                return None
            started = True
            if frame.is_corrupt:  # also one that is not wanted itself: those after it are predicted from it
                raise TrainingError(f"{path} is damaged at {frame.time:.3f} s. Copy or download it again.")
            if frame.pts in wanted:
                pictures[frame.pts] = rgb(frame)
            if frame.pts >= wanted[-1]:
                break
    missing = [time for time in wanted if time not in pictures]
    if missing:
        raise TrainingError(
            f"{path} breaks off: {len(missing)} of {len(wanted)} frames that it promises cannot be decoded. "
            f"Copy or download it again."
        )
    return [pictures[time] for time in wanted]


def rgb(frame: av.VideoFrame) -> UInt8[Tensor, "c h w"]:
    """8 bits; grey becomes three equal colours. One thread: with more, swscale garbles some 4:2:2 pictures."""
    return torch.from_numpy(frame.to_ndarray(format="rgb24", threads=1)).permute(2, 0, 1)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Whatever FFmpeg dislikes about a file, now or later, becomes a TrainingError."""
    try:
        # "file:" keeps FFmpeg from taking a colon in the name for a protocol
        with av.open(f"file:{path}", metadata_errors="replace") as container:
            if not container.streams.video or container.streams.video[0].codec_context is None:
                raise TrainingError(f"{path} has no moving picture that can be decoded. Remove it.")
            yield container
    except (FFmpegError, OSError) as error:
        raise TrainingError(
            f"{path} cannot be decoded ({error}). Check that it plays elsewhere, or remove it."
        ) from error


def open_videos(folder: Path, report: Callable[[str], None] = print) -> ClipSource | None:
    """Every video in a folder, however deep (or one file); None where there is none. Those that cannot be opened are
    said and left out. Raises TrainingError where none can."""
    paths = [folder] if folder.is_file() else sorted(find_videos(folder))
    if not paths:
        return None
    clips: list[VideoClip] = []
    refused: list[str] = []
    root = folder.parent if folder.is_file() else folder
    with ThreadPoolExecutor(cpu_count()) as pool:
        for path, index in zip(paths, pool.map(index_or_reason, paths), strict=True):
            if isinstance(index, str):
                refused.append(index)
                report(f"{index} It is left out.")
                continue
            name = path.relative_to(root).as_posix()
            if index.grey:
                report(f"{path} is grey: its three colours are equal")
            runs = even_runs(index.times, tolerance=UNEVEN)
            for run in runs:
                place = f":{run.start}" if len(runs) > 1 else ""
                clips.append(VideoClip(f"{name}{place}", index, run, Origin(folder.resolve().name, film=name)))
    if not clips:
        raise TrainingError(f"None of the {len(paths)} videos in {folder} can be used. The first: {refused[0]}")
    return ClipSource(name=str(folder), clips=clips, strides=(1, 2), choosy=True, report=report)


def find_videos(folder: Path) -> Iterator[Path]:
    """By the ends of their names."""
    return (path for path in folder.rglob("*") if path.suffix.lower() in VIDEOS and not path.name.startswith("."))


def index_or_reason(path: Path) -> VideoIndex | str:
    """The index of a video, or why there is none."""
    try:
        return index_video(path)
    except TrainingError as error:
        return str(error)
