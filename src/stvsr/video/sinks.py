"""Targets that are not one video file: a folder of pictures, and y4m on a pipe."""

from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from stvsr.clip import Frame
from stvsr.video.info import VideoInfo


class PictureFolder:
    """PNG pictures ``00000001.png`` and on; 16 bits where the film has more than 8."""

    def __init__(self, folder: Path, source: VideoInfo, *, overwrite: bool) -> None:
        raise NotImplementedError

    def write(self, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...


class Pipe:
    """y4m on a stream of bytes."""

    def __init__(self, file: BinaryIO, source: VideoInfo, rate: Fraction | None) -> None:
        raise NotImplementedError

    def write(self, frame: Frame) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...
