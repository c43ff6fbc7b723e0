import csv
import json
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from made_clips import picture, with_cuts
from stvsr.clip import Frame
from stvsr.video import mark_shots, read_frames

FOOTAGE = Path(__file__).parents[3] / "shared" / "footage"
FILM = "train/mdn_shared_assets/tears-of-steel-battle-clip-medium.webm"


def frames(images):
    for index, image in enumerate(images):
        tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1).float() / 255
        yield Frame(image=tensor, time=Fraction(index, 24), duration=Fraction(1, 24))


def starts(images) -> list[int]:
    return [index for index, frame in enumerate(mark_shots(frames(images))) if frame.starts_shot]


@pytest.mark.parametrize("every", [3, 5, 12])
def test_every_cut_is_found_even_every_few_frames(every):
    assert starts(with_cuts(40, every)) == list(range(0, 40, every))


def test_one_shot_has_one_start():
    assert starts([picture(index) for index in range(30)]) == [0]
    assert starts([picture(0)]) == [0]
    assert starts([]) == []


@pytest.mark.parametrize("length", [1, 2])
def test_a_flash_is_no_cut(length):
    images = [picture(index) for index in range(20)]
    for index in range(8, 8 + length):
        images[index] = np.full_like(images[index], 255)
    assert starts(images) == [0]


def test_a_fast_pan_is_no_cut():
    rng = np.random.default_rng(0)
    wall = np.repeat(np.repeat(rng.integers(0, 255, (12, 200, 3), dtype=np.uint8), 8, 0), 8, 1)
    assert starts([wall[:, 40 * index : 40 * index + 160] for index in range(25)]) == [0]


def test_a_fade_and_a_dissolve_are_no_cuts():
    one, other = picture(0).astype(float), picture(0, scene=1).astype(float)
    steps = np.linspace(0, 1, 24)
    assert starts([(one * (1 - step)).astype(np.uint8) for step in steps]) == [0]
    assert starts([(one * (1 - step) + other * step).astype(np.uint8) for step in steps]) == [0]


def test_a_cut_in_the_dark_is_found():
    dark = [picture(index, scene=index // 10) // 6 for index in range(20)]
    assert starts(dark) == [0, 10]


def test_frames_pass_unchanged_but_for_the_mark():
    before = list(frames(with_cuts(12, 4)))
    after = list(mark_shots(iter(before)))
    assert all(
        a.image is b.image and (a.time, a.duration) == (b.time, b.duration) for a, b in zip(before, after, strict=True)
    )


def test_a_frame_is_known_two_frames_later():
    read = []

    def spy():
        for frame in frames(with_cuts(20, 5)):
            read.append(frame)
            yield frame

    marked = mark_shots(spy())
    next(marked)
    assert len(read) == 3


def test_cuts_agree_with_pyscenedetect_on_made_scenes():
    scenedetect = pytest.importorskip("scenedetect", reason="PySceneDetect brings an OpenCV that displaces ours")
    images = with_cuts(60, 15, 128, 96)
    detector = scenedetect.AdaptiveDetector(min_scene_len=1)
    base = scenedetect.FrameTimecode(0, fps=24.0)
    cuts = []
    for index, image in enumerate(images):
        cuts += detector.process_frame(base + index, np.ascontiguousarray(image[..., ::-1]))
    cuts += detector.post_process(base + len(images))
    assert [0, *(cut.frame_num for cut in cuts)] == starts(images)


@pytest.mark.skipif(not (FOOTAGE / FILM).exists(), reason="the footage is not here")
def test_the_cuts_of_a_film_full_of_fire_and_smoke_are_found():
    with (FOOTAGE / "footage.csv").open() as file:
        shots = next(json.loads(row["shots"]) for row in csv.DictReader(file) if row["file"] == FILM)
    length = 240
    # the list leaves out frames 155 to 158, a flash before the cut at 158
    listed = {first for first, _ in shots if first < length}
    marked = mark_shots(islice(read_frames(FOOTAGE / FILM), length))
    assert {index for index, frame in enumerate(marked) if frame.starts_shot} == listed
