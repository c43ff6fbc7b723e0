"""The protocol: which frames are shown to the network, which are scored, and what the numbers are.

Referees: closed forms for a network that knows the answer, and for Vid4 the numbers of a separate script that used
PyTorch's antialiased bicubic (equal to ours but for the outermost pixels).
"""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stvsr.data.degrade import shrink
from stvsr.errors import InputError, SettingsError
from stvsr.evaluation.suites import evaluate_suite, read_clip, score_clip, windows
from stvsr.networks import NETWORKS

from .conftest import Oracle, moving_texture, write_pictures

VID4 = Path(__file__).parents[3] / "shared/footage/eval/Vid4"
ONE_LEVEL = 20 * math.log10(255 / (219 / 255))  # Y spans 219 levels where RGB spans 255


@pytest.mark.parametrize("count", [3, 5, 7, 8, 9, 13, 34, 41, 47, 49])
def test_windows_of_seven_share_key_frames_and_reach_every_frame(count):
    found = [list(window) for window in windows(count)]
    odd = count - 1 + count % 2
    assert sorted({frame for window in found for frame in window}) == list(range(odd))
    assert all(len(window) == min(7, odd) and window[0] % 2 == 0 for window in found)
    assert [window[0] for window in found[:-1]] == list(range(0, 6 * (len(found) - 1), 6))


def test_the_network_sees_every_second_frame_shrunk_and_rounded_to_8_bits(texture):
    oracle = Oracle(texture)
    score_clip(oracle, texture)
    shown = shrink(texture[::2].float() / 255, 4)
    assert torch.equal(torch.cat([oracle.seen[0], oracle.seen[1][2:]]), torch.cat([shown[:4], shown[3:]]))


def test_key_and_interpolated_frames_are_told_apart_and_equal_frames_are_infinitely_good(texture):
    scores = score_clip(Oracle(texture), texture)
    assert scores.psnr_y_key == math.inf
    assert scores.psnr_y_interpolated == pytest.approx(ONE_LEVEL, abs=0.01)
    assert scores.psnr_y == math.inf
    assert 0.99 < scores.ssim_y < 1


def test_a_network_of_two_frames_is_given_every_pair_of_a_window(texture):
    whole, pairs = NETWORKS["bicubic"](scale=4), NETWORKS["bicubic"](scale=4)
    pairs.spec = replace(pairs.spec, min_frames=2, max_frames=2)
    assert score_clip(pairs, texture) == score_clip(whole, texture)


def test_every_frame_counts_once_though_windows_overlap(texture):
    """One level off in the five key frames, two in the four between."""
    scores = score_clip(Oracle(texture - 1, levels=-1), texture)
    assert scores.psnr_y_key == pytest.approx(ONE_LEVEL, abs=0.01)
    assert scores.psnr_y == pytest.approx((9 * ONE_LEVEL - 4 * 20 * math.log10(2)) / 9, abs=0.01)


def test_sizes_that_are_no_multiple_of_the_scale_are_cropped_at_the_right_and_bottom():
    frames = moving_texture(5, 43, 58) // 2
    oracle = Oracle(frames[..., :40, :56])
    assert score_clip(oracle, frames).psnr_y_key == math.inf
    assert oracle.seen[0].shape == (3, 3, 10, 14)


def test_a_folder_of_clips_is_averaged_over_clips_for_every_network(tmp_path):
    for name, height in (("wide", 32), ("high", 64)):
        write_pictures(tmp_path / name, moving_texture(5, height, 48))
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("about the clips")
    told = []
    networks = [("x2", NETWORKS["bicubic"](scale=2)), ("x4", NETWORKS["bicubic"](scale=4))]
    result = evaluate_suite("folder", tmp_path, networks, progress=lambda share, what: told.append((share, what)))
    assert [one.network for one in result.results] == ["x2", "x4"]
    for one, (_, network) in zip(result.results, networks, strict=True):
        alone = [score_clip(network, read_clip(tmp_path / clip)) for clip in ("high", "wide")]
        assert list(one.clips.values()) == alone
        assert one.scores.psnr_y == pytest.approx((alone[0].psnr_y + alone[1].psnr_y) / 2)
        assert one.scores.ssim_y == pytest.approx((alone[0].ssim_y + alone[1].ssim_y) / 2)
    assert told == [(0, "x2 on high"), (0.25, "x4 on high"), (0.5, "x2 on wide"), (0.75, "x4 on wide")]


def test_without_flow_measures_the_network_with_its_flow_switched_off(tmp_path):
    write_pictures(tmp_path / "clip", moving_texture(3, 32, 48))
    unison = NETWORKS["unison-s"](scale=4).eval()
    whole, ablated, by_hand = (
        evaluate_suite("folder", tmp_path, [("unison-s", network)], without=part).results[0].scores
        for network, part in ((unison, None), (unison, "flow"), (unison.without("flow"), None))
    )
    assert ablated == by_hand
    assert ablated.psnr_y_interpolated != whole.psnr_y_interpolated


@pytest.mark.parametrize(("name", "part"), [("bicubic", "flow"), ("unison-s", "floww")])
def test_a_part_that_a_network_does_not_have_is_named(tmp_path, name, part):
    write_pictures(tmp_path / "clip", moving_texture(3, 32, 48))
    with pytest.raises(SettingsError, match=f"has no part '{part}'"):
        evaluate_suite("folder", tmp_path, [(name, NETWORKS[name](scale=4))], without=part)


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        ("vid4", r"walk has 0 of 47 frames.*sub-folders calendar, city, foliage and walk"),
        ("folder", "holds no clip"),
    ],
)
def test_missing_data_are_named_with_the_layout_they_must_have(tmp_path, suite, message):
    with pytest.raises(InputError, match=message):
        evaluate_suite(suite, tmp_path, [("bicubic", NETWORKS["bicubic"]())])


def test_an_incomplete_vid4_is_not_measured(tmp_path):
    write_pictures(tmp_path / "calendar", moving_texture(3, 16, 16))
    with pytest.raises(InputError, match="calendar has 3 of 41 frames"):
        evaluate_suite("vid4", tmp_path, [("bicubic", NETWORKS["bicubic"]())])


def test_a_clip_too_short_to_have_a_frame_between_is_named(tmp_path):
    write_pictures(tmp_path / "short", moving_texture(2, 16, 16))
    with pytest.raises(InputError, match=r"short has 2 frames.* takes 3"):
        evaluate_suite("folder", tmp_path, [("bicubic", NETWORKS["bicubic"]())])


def test_a_missing_folder_and_an_unknown_suite_are_named(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        evaluate_suite("folder", tmp_path / "gone", [])
    with pytest.raises(SettingsError, match=r"'vid5'.*vid4, folder"):
        evaluate_suite("vid5", tmp_path, [])


@pytest.mark.skipif(not VID4.exists(), reason="the Vid4 clips are not here")
def test_bicubic_on_a_clip_of_vid4_gives_the_known_numbers():
    scores = score_clip(NETWORKS["bicubic"](scale=4), read_clip(VID4 / "city"))
    assert scores.psnr_y == pytest.approx(24.99, abs=0.01)
    assert scores.psnr_y_key == pytest.approx(25.16, abs=0.01)
    assert scores.psnr_y_interpolated == pytest.approx(24.81, abs=0.01)
