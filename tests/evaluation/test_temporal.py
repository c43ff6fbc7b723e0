"""Motion, tOF, warping error and flicker; the referees are films whose motion is known, SciPy, and OpenCV."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from stvsr.errors import InputError
from stvsr.evaluation.temporal import (
    Motion,
    flicker,
    moving,
    tecogan_crop,
    tecogan_flow,
    tof,
    true_motion,
    visible,
    warping_error,
)

GLIDE = (2.0, -1.0)
"""Pixels per frame: to the right, and up."""


def gliding(count: int, height: int, width: int, *, seed: int = 5) -> torch.Tensor:
    """A soft texture that moves by ``GLIDE`` per frame; t c h w."""
    right, down = (int(step) for step in GLIDE)
    noise = np.random.default_rng(seed).random((3, height + count, width + 2 * count))
    wide = torch.from_numpy(gaussian_filter(noise, (0, 2, 2))).float()
    wide = (wide - wide.min()) / (wide.max() - wide.min())
    lefts = [right * (count - i) for i in range(count)]
    tops = [-down * i for i in range(count)]
    return torch.stack([wide[:, y : y + height, x : x + width] for x, y in zip(lefts, tops, strict=True)])


def known_motion(pairs: int, height: int, width: int) -> Motion:
    forth = torch.tensor(GLIDE)[None, :, None, None].expand(pairs, 2, height, width).contiguous()
    return Motion(flow=forth, visible=visible(forth, -forth))


def test_the_motion_of_a_gliding_texture_is_found_and_most_of_it_can_be_followed():
    motion = true_motion(gliding(3, 64, 80))
    inner = motion.flow[..., 12:-12, 12:-12]
    assert (inner - torch.tensor(GLIDE)[:, None, None]).square().sum(1).sqrt().mean() < 0.1
    assert motion.visible[..., 12:-12, 12:-12].float().mean() > 0.95


def test_a_clip_of_one_frame_has_no_motion():
    with pytest.raises(InputError, match="one frame"):
        true_motion(torch.rand(1, 3, 32, 32))


def test_what_leaves_the_picture_cannot_be_followed():
    seen = known_motion(1, 20, 30).visible[0]
    wanted = torch.zeros_like(seen)
    wanted[1:, :28] = True
    assert torch.equal(seen, wanted)


def test_occlusion_and_motion_edges_follow_the_formulas_pixel_by_pixel():
    random = np.random.default_rng(2)
    waves = gaussian_filter(random.normal(size=(4, 24, 28)), (0, 4, 4)) / 0.07
    forth = np.array(GLIDE)[:, None, None] + 0.5 * waves[:2]
    back = -forth + 1.0 * waves[2:]
    returned = np.zeros_like(back)
    rows, columns = np.mgrid[:24, :28]
    for axis in (0, 1):
        returned[axis] = map_coordinates(back[axis], [rows + forth[1], columns + forth[0]], order=1, mode="nearest")
    home, even, stays = np.zeros((3, 24, 28), dtype=bool)
    for y in range(24):
        for x in range(28):
            w, r = forth[:, y, x], returned[:, y, x]
            home[y, x] = ((w + r) ** 2).sum() <= 0.01 * ((w**2).sum() + (r**2).sum()) + 0.5
            steps = [forth[:, y, x + 1] - w] if x < 27 else []
            steps += [forth[:, y + 1, x] - w] if y < 23 else []
            even[y, x] = sum((step**2).sum() for step in steps) <= 0.01 * (w**2).sum() + 0.002
            stays[y, x] = 0 <= x + w[0] <= 27 and 0 <= y + w[1] <= 23
    for one, others in ((home, even & stays), (even, home & stays), (stays, home & even)):
        assert (others & ~one).sum() > 4  # each rule alone hides something
    measured = visible(*(torch.from_numpy(flow)[None].float() for flow in (forth, back)))[0]
    assert (measured.numpy() != (home & even & stays)).sum() <= 1  # a pixel may lie on a threshold


def test_tof_is_the_length_of_the_difference_of_the_flows():
    def wrong_by_five(first: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return torch.tensor([GLIDE[0] + 3, GLIDE[1] - 4])[None, :, None, None].expand(1, 2, *first.shape[-2:])

    assert tof(torch.rand(3, 3, 20, 30), known_motion(2, 20, 30), wrong_by_five).tolist() == pytest.approx([5, 5])


def grey_levels(frames: torch.Tensor) -> torch.Tensor:
    """Without colour and rounded to 8 bits: OpenCV's flow takes nothing finer."""
    return (frames.mean(1, keepdim=True).expand_as(frames) * 255).round() / 255


def opencv_flow(pair: torch.Tensor) -> np.ndarray:
    cv2 = pytest.importorskip("cv2")
    first, second = (pair[:, 0] * 255).round().byte().numpy()
    return cv2.calcOpticalFlowFarneback(first, second, None, 0.5, 3, 15, 3, 5, 1.2, 0)


def test_tof_equals_tecogans_program_with_opencv():
    truth = grey_levels(gliding(2, 80, 96))
    clip = grey_levels(torch.stack([truth[0], 0.5 * (truth[0] + truth[1])]))
    off = (opencv_flow(clip) - opencv_flow(truth))[8:72, 16:80]  # 64 is the largest multiple of 32 up to 80 - 16
    wanted = np.sqrt((off**2).sum(-1)).mean()
    assert wanted > 0.5
    assert float(tof(clip, true_motion(truth))) == pytest.approx(wanted, abs=1e-4)


def test_the_default_flow_has_tecogans_numbers():
    frames = grey_levels(gliding(2, 64, 80))
    measured = tecogan_flow(frames[:1], frames[1:])[0].permute(1, 2, 0).numpy()
    assert np.abs(measured - opencv_flow(frames)).max() < 1e-4


@pytest.mark.parametrize(("size", "kept"), [(80, slice(8, 72)), (576, slice(16, 560)), (720, slice(8, 712))])
def test_tof_leaves_out_the_border_that_tecogans_program_cuts_off(size, kept):
    assert tecogan_crop(size) == kept


def test_pictures_too_small_for_that_border_count_whole():
    assert tecogan_crop(47) == slice(0, 47)


def test_warping_error_of_even_motion_is_none_and_of_a_brightness_step_its_square():
    clip, motion = gliding(3, 40, 48), known_motion(2, 40, 48)
    assert warping_error(clip, motion).tolist() == pytest.approx([0, 0], abs=1e-10)
    clip[1] += 0.1
    assert warping_error(clip, motion).tolist() == pytest.approx([0.01, 0.01], abs=1e-6)


def test_what_cannot_be_followed_counts_in_no_measure():
    truth, motion = gliding(2, 40, 48), known_motion(1, 40, 48)
    clip = truth.clone()
    clip[0][:, ~motion.visible[0]] += 0.5
    assert float(warping_error(clip, motion)) == pytest.approx(0, abs=1e-10)
    assert float(flicker(clip, truth, motion)) == pytest.approx(0, abs=1e-4)
    nothing = Motion(flow=motion.flow, visible=torch.zeros_like(motion.visible))
    assert math.isnan(warping_error(clip, nothing))
    assert math.isnan(flicker(clip, truth, nothing))


def test_an_error_that_stays_or_travels_along_does_not_flicker():
    truth, motion = gliding(4, 40, 48), known_motion(3, 40, 48)
    assert flicker(truth + 0.2, truth, motion).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    travelling = truth + 0.3 * gliding(4, 40, 48, seed=6)
    assert flicker(travelling, truth, motion).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    stuck = truth + 0.3 * gliding(4, 40, 48, seed=6)[:1]
    assert flicker(stuck, truth, motion).min() > 1


def test_every_second_frame_brighter_flickers_by_that_much():
    truth, motion = gliding(4, 40, 48), known_motion(3, 40, 48)
    clip = truth.clone()
    clip[1::2] += 10 / 219
    assert flicker(clip, truth, motion).tolist() == pytest.approx([10, 10, 10], abs=1e-3)


def test_moving_pixels_are_those_faster_than_the_threshold_and_the_last_frame_follows():
    flow = torch.zeros(2, 2, 3, 4)
    flow[0, :, 1, 2] = torch.tensor([0.8, -0.7])
    flow[1, 0, 0, 0] = -1.5
    motion = Motion(flow=flow, visible=torch.ones(2, 3, 4, dtype=torch.bool))
    assert moving(motion).nonzero().tolist() == [[0, 1, 2], [1, 0, 0], [2, 0, 0]]
    assert moving(motion, threshold=1.1).nonzero().tolist() == [[1, 0, 0], [2, 0, 0]]
