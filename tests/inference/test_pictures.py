"""Pictures in memory: the kind that came in comes out, in step, with little lag and no growth."""

from collections.abc import Iterator
from itertools import count

import numpy as np
import pytest
import torch

import stvsr
from made_clips import picture
from stvsr.errors import InputError
from stvsr.inference import RenderSettings

CLIP = np.stack([picture(index) for index in range(6)])


def enhanced(clip: object, **options: int) -> list:
    return list(stvsr.enhance_frames(clip, "bicubic", scale=2, **options))


@pytest.mark.parametrize("kind", ["numpy bytes", "numpy floats", "torch bytes", "torch floats"])
def test_pictures_keep_their_kind_and_the_keys_are_the_resized_inputs(kind: str):
    clip = CLIP if "numpy" in kind else torch.from_numpy(CLIP).permute(0, 3, 1, 2)
    if "floats" in kind:
        clip = clip / np.float32(255) if "numpy" in kind else clip.float() / 255
    found = enhanced(clip)
    assert len(found) == 12
    assert {type(image) for image in found} == {type(clip)}
    assert {image.dtype for image in found} == {clip.dtype}
    assert found[0].shape == ((96, 128, 3) if "numpy" in kind else (3, 96, 128))
    as_numpy = np.stack(found) if "numpy" in kind else torch.stack(found).permute(0, 2, 3, 1).numpy()
    in_levels = as_numpy if "bytes" in kind else 255 * as_numpy
    network = stvsr.load("bicubic", scale=2)
    expected = network(torch.from_numpy(CLIP).permute(0, 3, 1, 2)[None] / 255, range(6))[0].clamp(0, 1)
    assert np.abs(in_levels[::2] - 255 * expected.permute(0, 2, 3, 1).numpy()).max() < 0.51


def test_one_frame_out_for_each_in_keeps_their_number():
    assert len(enhanced(CLIP, times=1)) == 6
    assert enhanced([]) == []


def test_a_live_source_is_answered_before_it_ends():
    taken = []

    def endless() -> Iterator[np.ndarray]:
        for index in count():
            taken.append(index)
            yield picture(index)

    out = stvsr.enhance_frames(endless(), "bicubic", scale=1, settings=RenderSettings(window=4))
    lags = []
    for index in range(40):
        next(out)
        lags.append(len(taken) - index / 2)
    assert max(lags) <= 4 + 5


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4)), np.zeros((4, 4, 3), np.int32), torch.zeros(4, 4, 3), np.zeros((3, 8, 8))]
)
def test_anything_else_is_refused(wrong: object):
    with pytest.raises(InputError, match=r"came in\. Convert"):
        enhanced([wrong])
