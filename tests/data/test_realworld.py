"""Damage: as strong as it says, the same throughout a clip where physics says so, and never out of place."""

import io
from dataclasses import replace

import av
import numpy as np
import pytest
import torch
from scipy import ndimage

from stvsr.data.degrade import shrink
from stvsr.data.dirt import FilmDirt
from stvsr.data.realworld import RealWorld, compress, gaussian
from stvsr.errors import SettingsError

NONE = RealWorld(blur=(0, 0), two_steps=0, resizing=("bicubic",), noise=(0, 0), shot_noise=(0, 0), film=0, compressed=0)
NO_DIRT = FilmDirt(scratches=(0, 0), spots=(0, 0), flicker=(0, 0))


def still(picture, count: int = 4, size: int = 96) -> torch.Tensor:
    return picture(size, size)[None].repeat(count, 1, 1, 1)


def run(damage: RealWorld, frames: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return damage(frames, 4, np.random.default_rng(seed))


def test_the_same_draw_gives_the_same_damage(picture):
    always = RealWorld(film=1.0)
    for seed in range(4):  # both codecs
        assert torch.equal(run(always, still(picture), seed), run(always, still(picture), seed))
    assert not torch.equal(run(always, still(picture), 0), run(always, still(picture), 1))


def test_without_any_damage_it_is_bicubic(picture):
    assert torch.equal(run(NONE, still(picture)), shrink(still(picture), 4))


def test_the_gaussian_has_the_widths_and_the_angle_it_was_asked_for():
    kernel = gaussian(3.0, 1.5, 0.6).numpy()
    place = np.arange(len(kernel)) - len(kernel) // 2
    y, x = np.meshgrid(place, place, indexing="ij")
    covariance = np.array([[(kernel * a * b).sum() for b in (x, y)] for a in (x, y)])
    values, vectors = np.linalg.eigh(covariance)
    assert np.sqrt(values) == pytest.approx([1.5, 3.0], rel=0.03)
    assert abs(vectors[:, 1] @ [np.cos(0.6), np.sin(0.6)]) == pytest.approx(1, abs=1e-6)


def test_blur_is_that_of_scipy(picture):
    blurred = replace(NONE, blur=(0.5, 0.5)).blurred(still(picture), 4, np.random.default_rng(0))
    expected = ndimage.gaussian_filter(still(picture)[0, 0].double().numpy(), 2.0, mode="mirror", radius=6)
    assert np.abs(blurred[0, 0].numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("kernel", ["bicubic", "bilinear", "area", "aliased"])
@pytest.mark.parametrize("two_steps", [0.0, 1.0])
def test_no_resizing_moves_the_picture(kernel: str, two_steps: float):
    y, x = torch.meshgrid(torch.arange(96.0), torch.arange(96.0), indexing="ij")
    ramp = torch.stack([x / 95, y / 95, x / 95])[None]
    damage = replace(NONE, resizing=(kernel,), two_steps=two_steps)
    for seed in range(4):
        ours = run(damage, ramp, seed)[..., 4:-4, 4:-4]
        assert (ours - shrink(ramp, 4)[..., 4:-4, 4:-4]).abs().max() < 0.012  # half a small pixel would be 0.021


def test_what_is_the_cameras_stays_the_same_throughout_a_clip(picture):
    damage = RealWorld(noise=(0, 0), shot_noise=(0, 0), film=0, compressed=0, two_steps=0.5)
    for seed in range(6):
        frames = run(damage, still(picture), seed)
        assert torch.equal(frames, frames[:1].expand_as(frames))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"noise": (6, 6)}, lambda _: 6.0),
        ({"shot_noise": (10, 10)}, lambda value: 10 * value**0.5),
        ({"noise": (6, 6), "shot_noise": (10, 10)}, lambda value: (36 + 100 * value) ** 0.5),
    ],
)
@pytest.mark.parametrize("value", [0.25, 0.64])
def test_noise_has_its_strength_and_is_every_frames_own(fields: dict, expected, value: float):
    flat = torch.full((3, 3, 256, 256), value)
    noise = (run(replace(NONE, **fields), flat) - value) * 255
    assert float(noise.std()) == pytest.approx(expected(value), rel=0.03)
    assert abs(np.corrcoef(noise[0].flatten(), noise[1].flatten())[0, 1]) < 0.02


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_grey_noise_has_no_colour(grey: float):
    noise = run(replace(NONE, noise=(8, 8), grey_noise=grey), torch.full((1, 3, 128, 128), 0.5))
    assert torch.equal(noise[:, 0], noise[:, 1]) is bool(grey)


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_compression_is_worse_at_a_higher_factor(codec: str, glide):
    frames = glide(4, 72, 88, speed=1)[:, :1].repeat(1, 3, 1, 1)  # grey: 4:2:0 alone costs colours dear
    errors = [float((compress(frames, codec, crf).float() - frames.float()).square().mean()) for crf in (12, 24, 36)]
    assert errors == sorted(errors)
    assert errors[0] < 10 < errors[2]


def test_compression_looks_at_the_whole_clip(glide):
    """A frame that follows its like is predicted from it, so it is not what it would be alone."""
    frames = glide(4, 64, 64, speed=1)
    together = compress(frames, "libx264", 30)
    alone = torch.cat([compress(frame[None], "libx264", 30) for frame in frames])
    assert torch.equal(together[0], alone[0]) or not torch.equal(together[1:], alone[1:])
    assert not torch.equal(together[1:], alone[1:])


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
@pytest.mark.parametrize("size", [(8, 8), (17, 33), (40, 40), (48, 35)])
def test_the_smallest_crops_survive_the_codecs(codec: str, size: tuple[int, int], glide):
    """x265 crashes on pictures narrower than 50 pixels, if it is given them."""
    frames = glide(3, *size, speed=1)
    for _ in range(3):
        assert (compress(frames, codec, 16).float() - frames.float()).abs().mean() < 6


def test_the_damage_is_what_the_codec_itself_does(glide):
    """Referee: the same frames through a file."""
    frames, file = glide(4, 64, 64, speed=1), io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "28", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for frame in frames:
            picture = np.ascontiguousarray(frame.permute(1, 2, 0))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    with av.open(io.BytesIO(file.getvalue()), "r") as container:
        decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    assert np.array_equal(compress(frames, "libx264", 28).permute(0, 2, 3, 1).numpy(), decoded)


def test_a_scratch_runs_along_with_the_film_and_a_spot_does_not():
    flat = torch.full((6, 3, 64, 64), 0.5)
    scratched = replace(NO_DIRT, scratches=(1, 1), strength=(0.9, 0.9))
    for seed in range(5):
        marks = (scratched(flat, np.random.default_rng(seed)) - flat).abs()[:, 0]
        assert torch.equal(marks, marks[:, :1].expand_as(marks))  # the same in every row
        middles = [float((mark[0] * torch.arange(64)).sum() / mark[0].sum()) for mark in marks if mark.any()]
        assert not middles or (len(middles) == 6 and np.ptp(middles) < 8)
    spotted = replace(NO_DIRT, spots=(3, 3))
    marks = (spotted(flat, np.random.default_rng(0)) - flat).abs()[:, 0] > 0.05
    assert marks.any()
    assert (marks.sum(0) > 2).sum() < 0.05 * (marks.sum(0) > 0).sum()


def test_flicker_has_its_strength_and_leaves_the_picture_alone():
    flat = torch.full((400, 3, 2, 2), 0.5)
    gain = replace(NO_DIRT, flicker=(0.05, 0.05))(flat, np.random.default_rng(0)) / 0.5
    assert float(gain[:, 0, 0, 0].std()) == pytest.approx(0.05, rel=0.1)
    assert torch.equal(gain, gain[:, :1, :1, :1].expand_as(gain))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"noise": (5, 2)}, "noise must be a range"),
        ({"blur": (-1, 2)}, "blur must be a range"),
        ({"resizing": ("lanczos",)}, "resizing must name"),
        ({"resizing": ()}, "resizing must name"),
        ({"codecs": ("mpeg1",)}, "codecs must name"),
    ],
)
def test_impossible_damage_is_refused(fields: dict, words: str):
    with pytest.raises(SettingsError, match=words):
        RealWorld(**fields)
