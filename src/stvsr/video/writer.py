"""A film, a folder of pictures or a pipe, written frame by frame; a film gets its name only when all is well."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

from av.error import FFmpegError

from stvsr.clip import Frame
from stvsr.errors import OutputError
from stvsr.video.codecs import WriteSettings, choose_codec, plan_encoding
from stvsr.video.film import FilmFile
from stvsr.video.info import VideoInfo
from stvsr.video.sinks import PictureFolder, Pipe


@runtime_checkable  # so that tests can check the annotation below
class Sink(Protocol):
    """Where frames go."""

    def prepare(self, frame: Frame) -> Any: ...
    def put(self, prepared: Any, /) -> None: ...
    def finish(self) -> None: ...
    def abandon(self) -> None: ...


class VideoWriter:
    """Writes frames to ``target``; use it in a ``with`` block, whose normal end completes the target.

    target: a file (.mp4 .mov .mkv .webm), a folder for PNG pictures (an existing one, or a path ending in "/"), or
    "-" for y4m on standard output. source: the film the frames come from; its colours, shape, rotation and streams
    are kept. time_base: seconds of which every time and duration is a multiple (default: a 60th of the source's);
    rate: frames per second, where constant.
    Raises OutputError where the target cannot be written; then nothing is left of it.
    """

    dropped: list[str]
    """What the target could not hold, or holds in another form; complete when the block has ended."""

    def __init__(
        self,
        target: str | Path,
        settings: WriteSettings,
        source: VideoInfo,
        *,
        time_base: Fraction | None = None,
        rate: Fraction | None = None,
    ) -> None:
        self.dropped = []
        self.frames = 0
        self._target, self._settings, self._source = target, settings, source
        self._time_base, self._rate = time_base, rate
        self._temporary: Path | None = None
        self._sink = self._open()

    def __enter__(self) -> "VideoWriter":
        return self

    def write(self, frame: Frame) -> None:
        """Append a frame, RGB in [0, 1]; times must ascend, and all frames have one size."""
        self.put(self.prepare(frame))

    def prepare(self, frame: Frame) -> Any:
        """The first half of ``write``, which a thread of its own may do, frame after frame: what ``put`` takes."""
        with self._output_errors():
            return self._sink.prepare(frame)

    def put(self, prepared: Any) -> None:
        """The second half, in the same order."""
        with self._output_errors():
            self._sink.put(prepared)
        self.frames += 1

    @contextmanager
    def _output_errors(self) -> Iterator[None]:
        """What goes wrong in the sink, as the user is told."""
        try:
            yield
        except (FFmpegError, OSError) as error:
            raise _output_error(self._target, error) from error

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._abandon()
            return
        try:
            if not self.frames:
                raise OutputError(f"Not one frame came to be written to {self._target}, so it was not made.")
            self._sink.finish()
            if self._temporary is not None:
                _check_free(Path(self._target), self._settings.overwrite)
                os.replace(self._temporary, self._target)
        except (FFmpegError, OSError) as error:
            self._abandon()
            raise _output_error(self._target, error) from error
        except BaseException:
            self._abandon()
            raise

    def _open(self) -> Sink:
        if str(self._target) == "-":
            return Pipe(cast(BufferedIOBase, sys.stdout.buffer), self._source, self._rate or self._source.average_rate)
        path = Path(self._target)
        try:
            if path.is_dir() or str(self._target).endswith(("/", os.sep)):
                return PictureFolder(path, self._source, overwrite=self._settings.overwrite)
            codec, container = choose_codec(self._settings.codec, path.suffix)
            encoding = plan_encoding(codec, self._settings, self._source)
            _check_free(path, self._settings.overwrite)
            _check_not_source(path, self._source)
            if not path.parent.is_dir():
                raise OutputError(f"There is no folder {path.parent} to write {path.name} into. Make it first.")
            self._temporary = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
            self._temporary.touch(exist_ok=False)  # tells at once, not hours later, that the folder can be written
            return FilmFile(
                self._temporary,
                container,
                encoding,
                self._settings,
                self._source,
                time_base=_clock(self._time_base or self._source.time_base / 60),
                rate=self._rate or self._source.average_rate,
                dropped=self.dropped,
            )
        except OSError as error:
            raise _output_error(path, error) from error

    def _abandon(self) -> None:
        self._sink.abandon()
        if self._temporary is not None:
            self._temporary.unlink(missing_ok=True)


def _clock(time_base: Fraction) -> Fraction:
    """The time base, or nanoseconds where it is finer than containers can say."""
    return time_base if time_base.denominator < 2**31 else Fraction(1, 10**9)


def _check_free(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already and is left as it is. Choose another name, or pass --overwrite.")


def _check_not_source(path: Path, source: VideoInfo) -> None:
    if path.exists() and Path(source.path).exists() and path.samefile(source.path):
        raise OutputError(f"{path} is the film that is being read. Choose another name for the result.")


def _output_error(target: str | Path, error: Exception) -> OutputError:
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(f"{target} could not be written: {reason}. Nothing was left of it.")
