"""The weights that come with the package: alive in space and in time, and steady under cutting and tiling."""

import csv
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from stvsr.clip import Frame
from stvsr.data.degrade import round_to_8_bits, shrink
from stvsr.inference import RenderSettings, Target, int8, render
from stvsr.networks.unison import Unison
from stvsr.ops.resize import resize
from stvsr.video import read_frames
from stvsr.weights.catalog import file_of, load_network

needs_int8 = pytest.mark.skipif(not int8.is_there(), reason="oneDNN's 8-bit convolution needs VNNI")
FOOTAGE = Path(__file__).parents[3] / "shared" / "footage"
WALK = FOOTAGE / "eval" / "Vid4" / "walk"


@pytest.fixture(scope="module")
def network() -> Unison:
    network = load_network("unison-s", 4)
    assert isinstance(network, Unison)
    return network


def psnr(ours: Tensor, true: Tensor) -> float:
    return float(-10 * (ours - true).square().mean().log10())


def test_the_file_is_small_and_has_a_card_with_licences_and_numbers():
    file = file_of("unison-s", 4)
    assert file.stat().st_size <= 3_000_000
    card = file.with_suffix(".md").read_text()
    assert "CC BY 4.0" in card
    assert "| unison-s |" in card


@pytest.mark.parametrize("speed", [2, 6, 12])
def test_the_flow_follows_a_glide(network: Unison, speed: int):
    """A texture that moves ``speed`` input pixels from key to key; true flow forth is (speed, 0), back (-speed, 0).

    From 16 pixels on the present weights lose their way in places: docs/decisions.md.
    """
    torch.manual_seed(0)
    octaves = [resize(torch.rand(1, 3, 96 // size, 320 // size), size) * size**0.5 for size in (2, 4, 8, 16, 32)]
    texture = torch.stack(octaves).sum(0)  # coarse and fine, as natural pictures are
    texture = ((texture - texture.mean()) / texture.std() * 0.18 + 0.5).clamp(0, 1)
    clip = torch.stack([texture[..., 16:80, 160 - speed * key : 256 - speed * key] for key in range(4)], dim=1)
    with torch.inference_mode():
        output = network.training_forward(clip, [0, 1, 2, 3])
    inside = (..., slice(16, -16), slice(16, -16))
    forth, back = output.extras["flow_forth"][inside], output.extras["flow_back"][inside]
    assert (forth[:, :, 0] - speed).abs().mean() < 0.5
    assert (back[:, :, 0] + speed).abs().mean() < 0.5
    assert forth[:, :, 1].abs().mean() < 0.5


@pytest.mark.parametrize("place", [Fraction(1, 4), Fraction(1, 2), Fraction(3, 4)])
def test_a_frame_between_lies_where_it_belongs_at_any_instant(network: Unison, place: Fraction):
    """The glide again, 4 input pixels a key: at each instant between, ours is nearer to the truth than a blend."""
    torch.manual_seed(1)
    texture = resize(torch.rand(1, 3, 24, 80), 16).clamp(0, 1)

    def at(time: Fraction) -> Float[Tensor, "b c H W"]:
        left = 640 - int(16 * time)
        return texture[..., 64:320, left : left + 384]

    clip = shrink(torch.stack([at(Fraction(key)) for key in range(4)], dim=1), 4)
    with torch.inference_mode():
        ours = network(clip, [1 + place])[:, 0]
        blend = load_network("bicubic", 4)(clip, [1 + place])[:, 0]
    inside = (..., slice(64, -64), slice(64, -64))
    assert psnr(ours[inside], at(1 + place)[inside]) > psnr(blend[inside], at(1 + place)[inside]) + 3


@pytest.mark.skipif(not WALK.exists(), reason="needs the evaluation footage beside the repository")
@pytest.mark.parametrize(
    ("settings", "most"),
    [
        pytest.param(RenderSettings(precision="fp32", window=6), 0.1, id="in short windows"),
        pytest.param(RenderSettings(precision="fp32", tile=64), 0.1, id="in small tiles"),
        pytest.param(RenderSettings(precision="int8", window=12), 0.02, id="in 8 bits", marks=needs_int8),
    ],
)
def test_cutting_and_rounding_cost_next_to_nothing_on_real_footage(
    network: Unison, settings: RenderSettings, most: float
):
    frames = [frame.image[:, 96:480, 160:544] for _, frame in zip(range(23), read_frames(WALK), strict=False)]
    keys = [
        Frame(image=shrink(image, 4), time=Fraction(index), duration=Fraction(1), starts_shot=index == 0)
        for index, image in enumerate(frames[::2])
    ]
    true = torch.stack(frames)

    def quality(how: RenderSettings) -> float:
        rendered = torch.stack([frame.image for frame in render(keys, network, Target(factor=2), how)])
        error = (round_to_8_bits(rendered[: len(true)]) - true).square().flatten(1).mean(1)
        return float((-10 * error.log10()).mean())

    assert abs(quality(settings) - quality(RenderSettings(precision="fp32", window=12))) < most


@pytest.mark.skipif(not (FOOTAGE / "footage.csv").exists(), reason="the footage lies beside the repository")
def test_no_scene_that_is_evaluated_on_is_among_the_footage_to_train_on():
    with (FOOTAGE / "footage.csv").open(newline="") as table:
        files = [row["file"] for row in csv.DictReader(table)]
    assert all(file.startswith("train/") for file in files)
    evaluated = sorted({file.parent for file in (FOOTAGE / "eval").rglob("*.webp")})
    trained = torch.stack([miniature(FOOTAGE / file) for file in files])
    likeness = torch.stack([miniature(folder) for folder in evaluated]) @ trained.T
    assert likeness.max() < 0.9, files[int(likeness.max(0).values.argmax())]
    assert miniature(WALK) @ miniature(WALK) > 0.999


def miniature(film: Path) -> Tensor:
    """The first picture, 24 x 24 and grey, without its mean and of length one: the product of two tells how alike."""
    grey = next(iter(read_frames(film))).image.mean(0)[None, None]
    small = F.interpolate(grey, (24, 24), mode="area").flatten()
    return F.normalize(small - small.mean(), dim=0)
