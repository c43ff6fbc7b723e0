"""Packs: cropped clips in one file of some tens of megabytes, to take training data to another machine.

A pack is a ZIP archive: one Matroska file per clip (10-bit 4:4:4 H.264, which loses no colour to the conversion) and
``pack.json``. Any player shows the clips, and ZIP's checksums are verified whenever one is read.

Quality against size, mean over five clips of 13 frames 192x192 (1.4 MB raw each) from clean footage: crf 1: 269 KiB
and 51.6 dB, crf 3: 233 KiB and 50.2 dB, crf 5: 202 KiB and 48.8 dB, crf 8: 162 KiB and 46.6 dB. Lossless: H.264 in
8 bits (which loses half a level to the conversion) 377 KiB, FFV1 461 KiB.
"""

import io
import json
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import torch
from av.error import FFmpegError
from av.video.reformatter import Colorspace
from jaxtyping import UInt8
from torch import Tensor

from stvsr.data.source import Cadence, ClipSource, Origin, Size, Source
from stvsr.errors import SettingsError, TrainingError

FORMAT = "stvsr-pack-1"
LISTING = "pack.json"
BT709 = 1  # code of matrix, primaries and transfer alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """What goes into a pack."""

    clips: int = 250
    frames: int = 13
    """Of each clip; odd."""
    size: tuple[int, int] = (192, 192)
    """Height and width of each clip, even; training crops are cut from it."""
    crf: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        if self.clips < 1 or self.frames < 3 or self.frames % 2 == 0 or any(side < 2 or side % 2 for side in self.size):
            raise SettingsError(f"A pack has clips of an odd number of frames, 3 or more, and even sizes; not {self}.")

    @property
    def raw_bytes(self) -> int:
        """Of all the clips' frames, were they not compressed."""
        return 3 * self.clips * self.frames * self.size[0] * self.size[1]


USUAL = Packing()


def pack(
    source: Source,
    target: Path,
    packing: Packing = USUAL,
    *,
    report: Callable[[str], None] = print,
) -> Path:
    """Cut clips from a source as a sampler would, and write them into one file, whole or not at all.

    Raises TrainingError where the source has nothing of that size and length, or the file cannot be written.
    """
    if target.exists():
        raise TrainingError(f"{target} exists already. Give another name, or remove it first.")
    cadence = Cadence(keys=(packing.frames + 1) // 2, factor=2, probability=1.0)
    size = Size(*packing.size)
    source.prepare([cadence], size)
    partial = target.with_name(f".{target.name}.partial")
    listed = []
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for number in range(packing.clips):
                cut = source.cut(cadence, size, 0, np.random.default_rng((packing.seed, number)))
                file = f"{number:05d}.mkv"
                archive.writestr(file, encode(cut.frames, packing.crf))
                listed.append({"file": file, "frames": packing.frames, **cut.origin._asdict()})
                if (number + 1) % 50 == 0:
                    report(f"{number + 1} of {packing.clips} clips, {partial.stat().st_size / 1e6:.1f} MB")
            archive.writestr(LISTING, json.dumps({"format": FORMAT, "clips": listed}, indent=1))
        os.replace(partial, target)
    except OSError as error:
        raise TrainingError(f"Cannot write the pack {target}: {error}. Check the folder and the free space.") from error
    finally:
        if partial.exists():
            partial.unlink()
    return target


@dataclass(frozen=True, slots=True)
class PackClip:
    """A clip in a pack."""

    name: str
    archive: zipfile.ZipFile
    file: str
    count: int
    origin: Origin

    def __len__(self) -> int:
        return self.count

    def read(self, numbers: Sequence[int]) -> UInt8[Tensor, "s c h w"]:
        try:
            frames = decode(self.archive.read(self.file))
        except (zipfile.BadZipFile, FFmpegError, OSError, EOFError) as error:
            raise TrainingError(f"{self.name} is damaged ({error}). Copy the pack again.") from error
        if len(frames) != self.count:
            raise TrainingError(f"{self.name} has {len(frames)} of {self.count} frames. Copy the pack again.")
        return frames[list(numbers)]


def open_pack(path: Path, report: Callable[[str], None] = print) -> ClipSource:
    """A pack as a source. Raises TrainingError for a file that is missing, cut short, or no pack."""
    try:
        archive = zipfile.ZipFile(path)
        listing = json.loads(archive.read(LISTING))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingError(f"{path} is not a whole pack ({error}). Copy it again, or make it with `pack`.") from error
    if not isinstance(listing, dict) or listing.get("format") != FORMAT:
        raise TrainingError(f"{path} is not a pack of the format {FORMAT}. Make it again with this version.")
    clips = [
        PackClip(
            f"{path.name}:{entry['file']}",
            archive,
            entry["file"],
            entry["frames"],
            Origin(entry["source"], entry["licence"], entry.get("film", "")),
        )
        for entry in listing["clips"]
    ]
    return ClipSource(name=str(path), clips=clips, strides=(1, 2), report=report)


def encode(frames: UInt8[Tensor, "s c h w"], crf: int) -> bytes:
    """A Matroska file. One thread: the same bytes every time."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(
            "libx264", rate=25, options={"crf": str(crf), "preset": "medium", "tune": "psnr", "threads": "1"}
        )
        context = stream.codec_context
        context.height, context.width, context.pix_fmt = frames.shape[-2], frames.shape[-1], "yuv444p10le"
        context.colorspace = context.color_primaries = context.color_trc = BT709
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.permute(1, 2, 0).cpu()), format="rgb24")
            frame = frame.reformat(format="yuv444p10le", dst_colorspace=Colorspace.ITU709, threads=1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file.getvalue()


def decode(file: bytes) -> UInt8[Tensor, "s c h w"]:
    """The frames of a Matroska file."""
    with av.open(io.BytesIO(file), "r") as container:
        container.streams.video[0].codec_context.thread_count = 1  # clips are read side by side
        pictures = [
            torch.from_numpy(frame.to_ndarray(format="rgb24", src_colorspace=Colorspace.ITU709, threads=1))
            for frame in container.decode(video=0)
        ]
    return torch.stack(pictures).permute(0, 3, 1, 2)
