"""What the pictures show, measured on films whose content is known; the files are read back by Pillow."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from stvsr.errors import InputError, MissingExtraError, SettingsError
from stvsr.evaluation.figures import (
    Film,
    cut_out,
    frame_by_frame,
    inner_maps,
    liveliest_place,
    quality_against,
    side_by_side,
    temporal_profile,
)
from stvsr.networks import NETWORKS


def square_moving_right(count: int = 9, height: int = 40, width: int = 60) -> torch.Tensor:
    frames = torch.full((count, 3, height, width), 30, dtype=torch.uint8)
    for index in range(count):
        frames[index, :, 20:28, 30 + index : 34 + index] = 220
    return frames


def test_a_temporal_profile_is_one_column_of_every_frame_side_by_side():
    frames = square_moving_right()
    profile = temporal_profile(frames, 36.5 / 60)
    assert profile.shape == (3, 40, 9)
    for index, frame in enumerate(frames):
        assert torch.equal(profile[:, :, index], frame[:, :, 36])


def test_the_crop_lies_where_most_moves():
    left, top = liveliest_place(square_moving_right())
    assert 30 / 60 - 0.2 < left < 42 / 60
    assert 20 / 40 - 0.2 <= top <= 28 / 40


def test_crops_of_a_small_and_a_large_film_show_the_same_place():
    small = square_moving_right()[0]
    large = small.repeat_interleave(4, -1).repeat_interleave(4, -2)
    crop = cut_out(small, 0.5, 0.5)
    assert torch.equal(cut_out(large, 0.5, 0.5), crop.repeat_interleave(4, -1).repeat_interleave(4, -2))


def test_a_crop_at_the_border_keeps_its_size():
    assert cut_out(square_moving_right()[0], 0.99, 0.99).shape == (3, 8, 12)


def test_the_picture_holds_a_column_for_each_film(tmp_path):
    original = square_moving_right()
    films = [
        Film(title="input", frames=original[::2, :, ::4, ::4]),
        Film(title="original", frames=original, note="∞ dB"),
    ]
    side_by_side(films, tmp_path / "picture.png", name="a square", instant=0.5)
    with Image.open(tmp_path / "picture.png") as picture:
        colours = picture.convert("L").histogram()
        assert picture.width == pytest.approx(2 * 3.6 * 110, abs=2)
    assert colours[30] > 50_000, "the dark ground of the film covers much of the picture"
    assert colours[220] > 1_000, "the bright square is there"


def test_a_film_without_frames_is_named(tmp_path):
    empty = Film(title="bicubic", frames=square_moving_right()[:0])
    with pytest.raises(InputError, match="bicubic of bikes has no frame"):
        side_by_side([empty], tmp_path / "picture.png", name="bikes", instant=0)


def test_without_matplotlib_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'stvsr\[demo\]'"):
        side_by_side([Film(title="a", frames=square_moving_right())], tmp_path / "picture.png", name="b", instant=0)
    assert not (tmp_path / "picture.png").exists()


def test_a_film_of_the_originals_size_shows_its_error(tmp_path):
    original = square_moving_right()
    worse = original.clone()
    worse[:, :, 20:28, 30:40] = 255 - worse[:, :, 20:28, 30:40]  # wrong by more than 32 levels, where most moves
    for films, name in (([original, original], "same"), ([worse, original], "worse")):
        shown = [Film(title=str(number), frames=frames) for number, frames in enumerate(films)]
        side_by_side(shown, tmp_path / f"{name}.png", name="a square", instant=0.5)
    pictures = [np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB")) for name in ("same", "worse")]
    brightest = (251, 252, 191)  # the end of matplotlib's "magma"
    same, worse = ((picture == brightest).all(-1).sum() for picture in pictures)
    assert same == 0
    assert worse > 1000


def test_curves_and_scatters_hold_what_they_are_given(tmp_path):
    frame_by_frame({"flat": [30.0] * 9, "steep": [20.0 + i for i in range(9)]}, tmp_path / "a.png", name="clip")
    frame_by_frame({"flat": [30.0] * 9}, tmp_path / "b.png", name="clip")
    points = {"ours": (0.3, 24.5), "theirs": (11.1, 26.3)}
    quality_against(points, tmp_path / "c.png", cost="parameters", quality="PSNR-Y", ours={"ours"})
    quality_against(points, tmp_path / "d.png", cost="parameters", quality="PSNR-Y", ours=set())
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "c.png").read_bytes() != (tmp_path / "d.png").read_bytes()


def test_inner_maps_show_the_parts_of_a_network(tmp_path):
    network = NETWORKS["cycmunet"](scale=4, width=8, num_pairs=2, trunk_blocks=1, extraction_blocks=1).eval()
    inner_maps(network, torch.rand(1, 2, 3, 16, 16), ["up_units.0", "down_units.0", "up_units.1"], tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width == pytest.approx(3 * 2.6 * 110, abs=2)
    with pytest.raises(SettingsError, match="no part 'eyes'"):
        inner_maps(network, torch.rand(1, 2, 3, 16, 16), ["eyes"], tmp_path / "b.png")
