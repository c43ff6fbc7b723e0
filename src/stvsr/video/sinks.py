"""Targets that are not one video file: a folder of pictures, and y4m on a pipe."""

import os
import shutil
from fractions import Fraction
from io import BufferedIOBase
from pathlib import Path

import av

from stvsr.clip import Frame
from stvsr.errors import OutputError
from stvsr.video import pixels
from stvsr.video.colour import as_rgb, as_yuv
from stvsr.video.info import VideoInfo
from stvsr.video.orientation import as_displayed, lies_on_its_side

Y4M_COLOURS = {"gray": "mono", "yuv420p": "420mpeg2", "yuv422p": "422", "yuv444p": "444"}
Y4M_COLOURS |= {f"yuv{x}p{bits}le": f"{x}p{bits}" for x in ("420", "422", "444") for bits in (10, 12)}


class PictureFolder:
    """PNG pictures ``00000001.png`` and on, as displayed; 16 bits a colour where the film has more than 8.

    They are collected in a folder beside the target, and moved when all are there.
    """

    def __init__(self, folder: Path, source: VideoInfo, *, overwrite: bool) -> None:
        if folder.exists() and Path(source.path).exists() and folder.samefile(source.path):
            raise OutputError(f"{folder} holds the pictures that are being read. Choose another folder for the result.")
        if folder.is_dir() and any(folder.iterdir()) and not overwrite:
            raise OutputError(f"The folder {folder} is not empty and is left as it is. Choose another, or --overwrite.")
        self._folder, self._source = folder, source
        self._format = "rgb24" if source.bit_depth <= 8 else "rgb48be"
        self._partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
        self._partial.mkdir(parents=True)
        self._count = 0

    def prepare(self, frame: Frame) -> bytes:
        """As a PNG file."""
        picture = pixels.from_rgb(as_displayed(frame.image, self._source), as_rgb(self._source.colour), self._format)
        encoder = av.VideoCodecContext.create("png", "w")
        encoder.width, encoder.height, encoder.pix_fmt = picture.width, picture.height, self._format
        encoder.time_base = Fraction(1, 1)
        return b"".join(bytes(packet) for packet in (*encoder.encode(picture), *encoder.encode(None)))

    def put(self, picture: bytes) -> None:
        """Append a picture."""
        self._count += 1
        (self._partial / f"{self._count:08d}.png").write_bytes(picture)

    def finish(self) -> None:
        """Move the pictures home; numbered ones of an earlier, longer film go."""
        self._folder.mkdir(exist_ok=True)
        for old in self._folder.glob("[0-9]" * 8 + ".png"):
            old.unlink()
        for path in self._partial.iterdir():
            path.replace(self._folder / path.name)
        self._partial.rmdir()

    def abandon(self) -> None:
        """Remove what was written."""
        shutil.rmtree(self._partial, ignore_errors=True)


class Pipe:
    """y4m on a stream of bytes. It knows one rate and neither matrix nor times: what it is told must be told again."""

    def __init__(self, file: BufferedIOBase, source: VideoInfo, rate: Fraction | None) -> None:
        if rate is None:
            raise OutputError("y4m needs a constant frame rate, and the film has none. Ask for one, such as --fps 60.")
        self._file, self._source, self._rate = file, source, rate
        wanted = pixels.plain_format(source.pixel_format)
        self._format = wanted if wanted in Y4M_COLOURS else "yuv444p" if source.bit_depth <= 8 else "yuv444p10le"
        self._begun = False

    def prepare(self, frame: Frame) -> list[bytes]:
        """Its bytes; the first is preceded by the header."""
        image = as_displayed(frame.image, self._source)
        _, height, width = image.shape
        colour = as_yuv(self._source.colour, height)
        header = b""
        if not self._begun:
            self._begun = True
            shape, rate = self._source.sample_aspect_ratio, self._rate
            shape = 1 / shape if lies_on_its_side(self._source) else shape
            spread = "FULL" if colour.full_range else "LIMITED"
            header = (
                f"YUV4MPEG2 W{width} H{height} F{rate.numerator}:{rate.denominator} Ip "
                f"A{shape.numerator}:{shape.denominator} C{Y4M_COLOURS[self._format]} XCOLORRANGE={spread}\n".encode()
            )
        planes = pixels.planes_from_rgb(image, colour, self._format)
        return [header, b"FRAME\n", *(plane.tobytes() for plane in planes)]

    def put(self, frame: list[bytes]) -> None:
        """Append it."""
        for part in frame:
            self._file.write(part)

    def finish(self) -> None:
        """Hand on what is buffered."""
        self._file.flush()

    def abandon(self) -> None:
        """Nothing can be taken back from a pipe."""
