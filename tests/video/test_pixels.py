import av
import numpy as np
import pytest
import torch
from av.video.reformatter import Interpolation

from stvsr.video import pixels
from stvsr.video.colour import Colour

SUBSAMPLED = ["yuv420p", "yuv422p", "yuv440p", "yuv411p", "yuv410p", "yuv420p10le", "yuv422p12le"]
WHOLE = ["yuv444p", "yuv444p10le", "gray", "gray10le", "gbrp", "gbrp12le", "gbrp16le"]
REPACKED = ["nv12", "p010le", "yuyv422", "uyvy422", "y210le", "rgb24", "bgr0", "rgba", "ya8", "rgb48be", "yuv420p10be"]


def colour(matrix: int = 1, full_range: bool = False) -> Colour:
    return Colour(matrix=matrix, full_range=full_range, primaries=1, transfer=1)


def planes(frame: av.VideoFrame) -> list[np.ndarray]:
    kind = np.uint8 if pixels.bit_depth(frame.format.name) == 8 else np.uint16
    return [np.frombuffer(p, kind).reshape(p.height, -1)[:, : p.width].astype(int) for p in frame.planes]


@pytest.mark.parametrize(
    ("matrix", "rgb", "code"),
    [
        # the 100 % colour bars of ITU-R BT.601, BT.709 and BT.2020, in 8 bits
        (6, (1, 0, 0), (81, 90, 240)),
        (6, (0, 1, 0), (145, 54, 34)),
        (6, (0, 0, 1), (41, 240, 110)),
        (1, (1, 0, 0), (63, 102, 240)),
        (1, (0, 1, 0), (173, 42, 26)),
        (1, (0, 0, 1), (32, 240, 118)),
        (9, (1, 0, 0), (74, 97, 240)),
        (1, (1, 1, 1), (235, 128, 128)),
        (1, (0, 0, 0), (16, 128, 128)),
    ],
)
def test_colour_bars_have_the_code_values_of_the_standards(matrix, rgb, code):
    image = torch.tensor(rgb, dtype=torch.float)[:, None, None].expand(3, 4, 4)
    for bits, name in ((8, "yuv444p"), (10, "yuv444p10le")):
        frame = pixels.from_rgb(image, colour(matrix), name)
        stored = [int(plane[0, 0]) for plane in planes(frame)]
        assert stored == pytest.approx([value * 2 ** (bits - 8) for value in code], abs=2 ** (bits - 8) / 2 + 0.5)
        assert pixels.to_rgb(frame, colour(matrix))[:, 1, 1].tolist() == pytest.approx(rgb, abs=0.01)


@pytest.mark.parametrize("full_range", [False, True])
@pytest.mark.parametrize("matrix", [1, 6, 9])
def test_flat_colours_agree_with_swscale_at_its_most_accurate(matrix, full_range):
    swscale, spread = {1: 1, 6: 5, 9: 9}[matrix], 2 if full_range else 1
    accurate = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    for rgb in ((200, 60, 40), (30, 180, 90), (70, 80, 220), (128, 128, 128)):
        image = torch.tensor(rgb)[:, None, None].expand(3, 16, 16) / 255
        stored = pixels.from_rgb(image, colour(matrix, full_range), "yuv420p")
        theirs = stored.reformat(
            format="rgb24",
            src_colorspace=swscale,
            src_color_range=spread,
            dst_color_range=2,
            interpolation=accurate,
            threads=1,
        )
        ours = pixels.to_rgb(stored, colour(matrix, full_range))[:, 8, 8] * 255
        assert theirs.to_ndarray()[8, 8].tolist() == pytest.approx(ours.tolist(), abs=1)


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv440p", "yuv444p", "yuv420p10le", "yuv444p12le"])
def test_pytorch_makes_the_planes_that_numba_makes(name):
    image = torch.rand(3, 37, 53) * 1.2 - 0.1
    wide = torch.nn.functional.interpolate(image[None], scale_factor=2, mode="bilinear")[0]
    for matrix in (1, 6, 9):
        ours = pixels.planes_from_rgb(wide, colour(matrix), name)
        theirs = pixels._planes(wide, colour(matrix), name)
        for one, other in zip(ours, theirs, strict=True):
            apart = np.abs(one.astype(int) - other.numpy())
            assert apart.max() <= 1  # where a value lies half-way between two levels
            assert apart.mean() < 1e-3


@pytest.mark.parametrize("size", [(37, 53), (2, 2), (1, 1), (48, 64)])
@pytest.mark.parametrize("name", ["yuv420p", "yuv422p", "yuv440p", "yuv444p", "yuva420p", "yuv420p9le", "yuv420p10le"])
def test_pytorch_makes_the_picture_that_numba_makes(name, size):
    frame = av.VideoFrame(size[1], size[0], name)
    for plane in frame.planes:
        kind, peak = (np.uint8, 256) if pixels.bit_depth(name) == 8 else (np.uint16, 2 ** pixels.bit_depth(name))
        values = np.frombuffer(memoryview(plane), kind)
        values[:] = np.random.default_rng(0).integers(0, peak, values.shape)  # between the rows, too
    for matrix in (1, 6, 9):
        ours, theirs = (make(frame, colour(matrix)) for make in (pixels.to_rgb, pixels._image))
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(48, 64), (50, 66), (2, 2), (34, 36)])
@pytest.mark.parametrize("name", SUBSAMPLED + WHOLE)
def test_planes_of_films_that_are_not_enlarged_come_back_to_the_bit(name, size):
    if pixels.size_multiple(name)[0] > 2:
        size = (size[0] // 4 * 4 or 4, size[1] // 4 * 4 or 4)
    rng = torch.Generator().manual_seed(0)
    matrix = colour(0 if pixels.is_rgb(name) else 1, full_range=pixels.is_rgb(name))
    # within RGB's cube even where chroma swings most
    start = pixels.from_rgb(0.4 + 0.2 * torch.rand(3, *size, generator=rng), matrix, name)
    back = pixels.from_rgb(pixels.to_rgb(start, matrix), matrix, name)
    for before, after in zip(planes(start), planes(back), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", REPACKED)
def test_other_layouts_of_the_same_numbers_give_the_same_picture(name):
    plain = pixels.plain_format(name)
    matrix = colour(0 if pixels.is_rgb(name) else 1, full_range=pixels.is_rgb(name))
    image = torch.rand(3, 50, 66, generator=torch.Generator().manual_seed(1)) * 0.6 + 0.2
    expected = pixels.to_rgb(pixels.from_rgb(image, matrix, plain), matrix)
    for _ in range(10):  # swscale on several threads garbles one in ten
        torch.testing.assert_close(pixels.to_rgb(pixels.from_rgb(image, matrix, name), matrix), expected)


def test_chroma_lies_on_the_left_column_and_between_two_rows():
    """A ramp of chroma is the same ramp at the places of luma, where MPEG's siting puts them."""
    x, y = torch.meshgrid(torch.arange(16.0), torch.arange(12.0), indexing="xy")
    grown = pixels._enlarge(x + 10 * y, 1, 1, (24, 32))
    columns, rows = torch.meshgrid(torch.arange(32.0), torch.arange(24.0), indexing="xy")
    expected = columns / 2 + 10 * (rows - 0.5) / 2
    torch.testing.assert_close(grown[1:-1, :-1], expected[1:-1, :-1])


def test_halving_chroma_removes_what_would_alias():
    stripes = torch.tensor([0.0, 1.0]).repeat(12, 16)
    for picture in (stripes, stripes.T.contiguous()):
        small = pixels._shrink(picture, 1, 1)[2:-2, 2:-2]
        torch.testing.assert_close(small, torch.full_like(small, 0.5))


@pytest.mark.parametrize("name", ["yuv420p", "yuv420p10le", "gbrp"])
def test_values_outside_the_cube_are_clamped(name):
    matrix = colour(0 if name == "gbrp" else 1, full_range=name == "gbrp")
    image = pixels.to_rgb(pixels.from_rgb(torch.full((3, 8, 8), 1.7), matrix, name), matrix)
    assert image.max() <= 1
    torch.testing.assert_close(image, torch.ones(3, 8, 8), atol=2e-3, rtol=0)
