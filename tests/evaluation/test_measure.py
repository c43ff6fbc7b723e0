"""What is shown to the network and what the numbers are.

Referees: closed forms for a network that knows the answer, scikit-image, and for Vid4 the numbers of a separate script
that used PyTorch's antialiased bicubic (equal to ours but for the outermost pixels) and the figure the field prints.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stvsr.data.degrade import shrink, to_bytes
from stvsr.errors import InputError, SettingsError
from stvsr.evaluation.clips import read_clip
from stvsr.evaluation.measure import Scores, evaluate_suite, load_networks, score
from stvsr.evaluation.protocol import Sampling, make_task
from stvsr.evaluation.renderings import rendered_by
from stvsr.evaluation.suites import OTHER, SUITES
from stvsr.networks import NETWORKS, Network

from .conftest import Oracle, moving_texture, write_picture, write_pictures

FOOTAGE = Path(__file__).parents[3] / "shared/footage/eval"
VID4, MIDDLEBURY = FOOTAGE / "Vid4", FOOTAGE / "Middlebury-other"
ONE_LEVEL = 20 * math.log10(255 / (219 / 255))  # Y spans 219 levels where RGB spans 255
X2, EVERY = Sampling(2, "all"), Sampling(1, "all")


def scores_of(network: Network, frames: torch.Tensor, sampling: Sampling = X2) -> Scores:
    scale = network.spec.scale
    task = make_task("time") if scale == 1 else make_task(scale=scale)
    return score(rendered_by(network, sampling), frames, sampling, task)


def test_the_network_sees_every_second_frame_shrunk_and_rounded_to_8_bits(texture):
    oracle = Oracle(texture)
    scores_of(oracle, texture)
    shown = shrink(texture[::2].float() / 255, 4)
    assert torch.equal(torch.cat([oracle.seen[0], oracle.seen[1][2:]]), torch.cat([shown[:4], shown[3:]]))


def test_in_space_mode_it_sees_every_frame_and_renders_these(texture):
    oracle = Oracle(texture, stride=1)
    scores = scores_of(oracle, texture, EVERY)
    assert [len(seen) for seen in oracle.seen] == [7, 7]
    assert scores.psnr_y == scores.psnr_y_key == math.inf
    assert scores.psnr_y_interpolated is None


def test_in_time_mode_only_the_frames_between_are_scored(texture):
    oracle = Oracle(texture, scale=1)
    scores = scores_of(oracle, texture, Sampling(2, "between"))
    assert torch.equal(oracle.seen[0], texture[:7:2].float() / 255)
    assert scores.psnr_y == scores.psnr_y_interpolated == pytest.approx(ONE_LEVEL, abs=0.01)
    assert scores.psnr_y_key is None
    assert scores.ie == pytest.approx(1, abs=1e-4)


def test_in_time_mode_the_originals_may_be_made_small_too():
    frames, between = moving_texture(5, 64, 64) // 2 + 8, Sampling(2, "between")
    small = to_bytes(shrink(frames.float() / 255, 4))
    oracle = Oracle(small, scale=1)
    scores = score(rendered_by(oracle, between), frames, between, make_task("time", scale=4))
    assert torch.equal(oracle.seen[0], small[::2].float() / 255)
    assert scores.ie == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("stride", [4, 8])
def test_several_frames_lie_between_two_keys(texture, stride):
    oracle = Oracle(texture, stride=stride)
    scores = scores_of(oracle, texture, Sampling(stride, "all"))
    assert [len(seen) for seen in oracle.seen] == [2] * (8 // stride)
    assert scores.psnr_y_key == math.inf
    assert scores.psnr_y_interpolated == pytest.approx(ONE_LEVEL, abs=0.01)


def test_key_and_interpolated_frames_are_told_apart_and_equal_frames_are_infinitely_good(texture):
    scores = scores_of(Oracle(texture), texture)
    assert scores.psnr_y_key == math.inf
    assert scores.psnr_y_interpolated == pytest.approx(ONE_LEVEL, abs=0.01)
    assert scores.psnr_y == math.inf
    assert scores.ie == pytest.approx(4 / 9, abs=1e-4)
    assert 0.99 < scores.ssim_y < 1


def test_a_network_of_two_frames_is_given_every_pair_of_a_window(texture):
    whole, pairs = NETWORKS["bicubic"](scale=4), NETWORKS["bicubic"](scale=4)
    pairs.spec = replace(pairs.spec, min_frames=2, max_frames=2)
    assert scores_of(pairs, texture) == scores_of(whole, texture)
    assert scores_of(pairs, texture, EVERY) == scores_of(whole, texture, EVERY)


def test_every_frame_counts_once_though_windows_overlap(texture):
    """One level off in the five key frames, two in the four between."""
    bright = Oracle(texture - 1, levels=-1)
    bright.small = shrink(texture.float() / 255, 4)
    scores = scores_of(bright, texture)
    assert scores.psnr_y_key == pytest.approx(ONE_LEVEL, abs=0.01)
    assert scores.psnr_y == pytest.approx((9 * ONE_LEVEL - 4 * 20 * math.log10(2)) / 9, abs=0.01)


def test_sizes_that_are_no_multiple_of_the_scale_are_cropped_at_the_right_and_bottom():
    frames = moving_texture(5, 43, 58) // 2
    oracle = Oracle(frames[..., :40, :56])
    assert scores_of(oracle, frames).psnr_y_key == math.inf
    assert oracle.seen[0].shape == (3, 3, 10, 14)


def test_a_folder_of_clips_is_averaged_over_clips_for_every_network(tmp_path):
    for name, height in (("wide", 32), ("high", 64)):
        write_pictures(tmp_path / name, moving_texture(5, height, 48))
    told = []
    networks = [("bicubic", NETWORKS["bicubic"](scale=4)), ("unison-s", NETWORKS["unison-s"](scale=4))]
    result = evaluate_suite("folder", tmp_path, networks, progress=lambda share, what: told.append((share, what)))
    assert [one.network for one in result.results] == ["bicubic", "unison-s"]
    for one, (_, network) in zip(result.results, networks, strict=True):
        alone = [scores_of(network, torch.stack(list(read_clip(tmp_path / clip)))) for clip in ("high", "wide")]
        assert list(one.clips.values()) == alone
        assert one.scores.psnr_y == pytest.approx((alone[0].psnr_y + alone[1].psnr_y) / 2)
        assert one.scores.ssim_y == pytest.approx((alone[0].ssim_y + alone[1].ssim_y) / 2)
    assert [what for _, what in told] == ["bicubic on high", "unison-s on high", "bicubic on wide", "unison-s on wide"]
    assert [share for share, _ in told] == [0, 0.25, 0.5, 0.75]
    assert result.results[0].parameters == 0 < result.results[1].parameters
    assert result.results[1].macs > 10**9


def test_triplets_are_scored_in_rgb_on_the_frame_that_the_mode_asks_for(tmp_path):
    first, middle, last = moving_texture(3, 24, 32)
    for name in OTHER.split():
        write_picture(tmp_path / f"input/{name}/frame10.png", first)
        write_picture(tmp_path / f"gt/{name}/frame10i11.png", middle)
        write_picture(tmp_path / f"input/{name}/frame11.png", last)
    (between,), (key,) = (
        evaluate_suite("middlebury", tmp_path, [("bicubic", NETWORKS["bicubic"](scale=task.scale))], task=task).results
        for task in (make_task("time"), make_task("space", scale=2))
    )
    blend = (first.double() + last.double()) / 2
    assert between.scores.ie == pytest.approx(float((blend - middle).abs().mean()), abs=0.5)
    assert between.scores.psnr_y_key is None
    assert between.scores.ssim_across_colours is not None
    alone = scores_of(NETWORKS["bicubic"](scale=2), first[None], EVERY)
    assert key.scores.psnr_rgb == pytest.approx(alone.psnr_rgb)
    assert key.scores.psnr_y_interpolated is None


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


def test_a_network_of_another_scale_than_the_task_is_named(tmp_path):
    networks = [("x2", NETWORKS["bicubic"](scale=2)), ("x4", NETWORKS["bicubic"](scale=4))]
    with pytest.raises(SettingsError, match=r"x4 enlarges by 4, the task is x2 in space.*scale 2"):
        evaluate_suite("folder", tmp_path, networks)


def test_a_network_that_cannot_leave_the_size_as_it_is_is_named_with_those_that_can():
    with pytest.raises(SettingsError, match=r"tp cannot leave the size.*Networks that can: bicubic"):
        load_networks(["bicubic", "tp"], make_task("time"))
    assert load_networks(["bicubic"], make_task("time"))[0][1].spec.scale == 1


def test_a_clip_without_a_frame_between_is_not_measured(tmp_path):
    write_pictures(tmp_path / "short", moving_texture(2, 16, 16))
    with pytest.raises(InputError, match=r"short has 2 frames"):
        evaluate_suite("folder", tmp_path, [("bicubic", NETWORKS["bicubic"]())])


@pytest.mark.skipif(not VID4.exists(), reason="the Vid4 clips are not here")
def test_bicubic_on_a_clip_of_vid4_gives_the_known_numbers():
    scores = score(rendered_by(NETWORKS["bicubic"](scale=4), X2), read_clip(VID4 / "city"), X2, make_task())
    assert scores.psnr_y == pytest.approx(24.99, abs=0.01)
    assert scores.psnr_y_key == pytest.approx(25.16, abs=0.01)
    assert scores.psnr_y_interpolated == pytest.approx(24.81, abs=0.01)


@pytest.mark.skipif(not MIDDLEBURY.exists(), reason="the Middlebury pictures are not here")
def test_the_interpolation_error_of_linear_blending_is_that_of_a_few_lines_of_numpy():
    """All twelve, read by Pillow, without anything of ours."""
    from PIL import Image

    def picture(path: str) -> np.ndarray:
        return np.asarray(Image.open(MIDDLEBURY / f"{path}.webp").convert("RGB")).astype(np.float32) / np.float32(255)

    errors = {}
    for folder in sorted((MIDDLEBURY / "input").iterdir()):
        name = folder.name
        before, after = picture(f"input/{name}/frame10"), picture(f"input/{name}/frame11")
        blend = np.round((after - (after - before) * np.float32(0.5)) * 255)  # where the sum is odd, fp32 decides
        errors[name] = np.abs(blend - 255 * picture(f"gt/{name}/frame10i11").astype(float)).mean()
    between = Sampling(2, "between")
    clips = SUITES["middlebury"].clips(MIDDLEBURY)
    rendering = rendered_by(NETWORKS["bicubic"](scale=1), between)
    found = {name: score(rendering, read_clip(clip), between, make_task("time")).ie for name, clip in clips.items()}
    assert found == pytest.approx(errors, abs=1e-4)
    assert np.mean(list(found.values())) == pytest.approx(5.7401, abs=1e-4)
