import pytest

from stvsr.errors import InputError
from stvsr.video.colour import as_rgb, as_yuv, colour_of

UNTAGGED = {"matrix": 2, "color_range": 0, "primaries": 2, "transfer": 2, "is_rgb": False, "is_full_format": False}


@pytest.mark.parametrize(
    ("height", "codes"),
    [(240, (6, 6, 6)), (480, (6, 6, 6)), (576, (5, 5, 6)), (720, (1, 1, 1)), (2160, (1, 1, 1))],
)
def test_an_untagged_film_is_taken_as_players_take_it_by_its_height(height, codes):
    colour = colour_of(**UNTAGGED, height=height)
    assert (colour.matrix, colour.primaries, colour.transfer, colour.full_range) == (*codes, False)
    assert colour.guessed == ("matrix", "range", "primaries", "transfer")


@pytest.mark.parametrize("height", [240, 1080])
def test_known_primaries_say_more_than_the_height(height):
    colour = colour_of(**UNTAGGED | {"primaries": 9, "transfer": 16}, height=height)
    assert (colour.matrix, colour.transfer, colour.hdr) == (9, 16, "PQ")


def test_tags_are_never_overruled():
    colour = colour_of(
        matrix=6, color_range=2, primaries=1, transfer=13, height=1080, is_rgb=False, is_full_format=False
    )
    assert (colour.matrix, colour.full_range, colour.primaries, colour.transfer) == (6, True, 1, 13)
    assert colour.guessed == ()


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_a_matrix_that_is_not_linear_is_refused_rather_than_guessed(matrix):
    with pytest.raises(InputError, match=f"code {matrix}"):
        colour_of(**UNTAGGED | {"matrix": matrix}, height=1080)


def test_rgb_is_stored_as_yuv_of_its_size_and_comes_back_as_rgb():
    rgb = colour_of(**UNTAGGED | {"matrix": 0, "is_rgb": True}, height=1080)
    assert (rgb.matrix, rgb.full_range, rgb.transfer) == (0, True, 13)
    assert (as_yuv(rgb, 480).matrix, as_yuv(rgb, 1080).matrix) == (6, 1)
    assert not as_yuv(rgb, 1080).full_range
    assert as_rgb(as_yuv(rgb, 1080)).matrix == 0
