"""Made clips by name, and a film copied frame by frame."""

from collections.abc import Callable
from pathlib import Path

import pytest

from made_clips import BAD_CLIPS, MADE_CLIPS
from stvsr.video import VideoReader, VideoWriter, WriteSettings

Made = Callable[[str], Path]
Copied = Callable[..., list[str]]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Make one of the named clips."""
    return lambda name: (MADE_CLIPS | BAD_CLIPS)[name](tmp_path)


@pytest.fixture
def copied() -> Copied:
    """Read every frame of a film and write it again; returns what the writer says it dropped."""

    def copy(source: Path, target: str | Path, **settings: object) -> list[str]:
        with VideoReader(source) as reader, VideoWriter(target, WriteSettings(**settings), reader.info) as writer:
            for frame in reader.frames():
                writer.write(frame)
        return writer.dropped

    return copy
