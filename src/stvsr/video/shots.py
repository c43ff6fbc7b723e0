"""Where a film cuts."""

from collections.abc import Iterable, Iterator

from stvsr.clip import Frame


def mark_shots(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The same frames, with ``starts_shot`` set on the first frame of every shot."""
    yield from frames
