"""Looking at a large film from afar sees what looking at every pixel sees."""

from pathlib import Path

import numpy as np
import pytest

from made_clips import make_film, picture
from stvsr.jobs.expect import expectation_of
from stvsr.jobs.verify import verify


@pytest.mark.parametrize("texture", ["drawn", "noise", "checkerboard"])
def test_a_large_faithful_film_passes_and_one_with_a_black_picture_does_not(tmp_path: Path, texture: str):
    random = np.random.default_rng(0)
    size = (512, 320)
    make = {
        "drawn": lambda index: picture(index, *size),
        "noise": lambda _: random.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8),
        "checkerboard": lambda index: (
            np.uint8(255) * (np.indices(size[::-1]).sum(0) + index & 1)[..., None].repeat(3, 2)
        ),
    }[texture]
    pictures = [np.ascontiguousarray(make(index), dtype=np.uint8) for index in range(4)]
    source = make_film(tmp_path / "source.mkv", size=size, count=4, pictures=pictures)
    assert verify(source, expectation_of(source)).ok
    pictures[2] = np.zeros_like(pictures[2])
    broken = make_film(tmp_path / "broken.mkv", size=size, count=4, pictures=pictures)
    assert [check.name for check in verify(broken, expectation_of(source)).checks if not check.ok] == [
        "black, flat or wrong pictures"
    ]
