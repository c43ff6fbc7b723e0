"""From frames to clips to sets; the referees are numbers small enough to count."""

import math

import pytest
import torch

from stvsr.evaluation.pooling import mean, mean_over_clips, over_all_frames, per_clip, psnr_of_mean_error

SHORT, LONG = torch.tensor([20.0, 40.0]), torch.tensor([30.0, 30.0, 30.0, 36.0])


def test_each_clip_or_each_frame_counts_the_same():
    assert per_clip([SHORT, LONG]) == [30, 31.5]
    assert mean_over_clips([SHORT, LONG]) == 30.75
    assert over_all_frames([SHORT, LONG]) == 31


def test_psnr_of_the_mean_error_is_that_of_the_frames_seen_as_one_picture():
    frames, originals = torch.rand(2, 3, 8, 9, dtype=torch.float64)
    frames[1] = originals[1] + 0.9
    psnrs = -10 * torch.log10((frames - originals).square().mean((-2, -1)))
    whole = -10 * torch.log10((frames - originals).square().mean())
    assert psnr_of_mean_error(psnrs) == pytest.approx(float(whole))
    assert psnr_of_mean_error(psnrs) < mean(psnrs)


def test_the_error_may_be_pooled_within_clips_or_over_all_frames():
    within = (psnr_of_mean_error(SHORT) + psnr_of_mean_error(LONG)) / 2
    assert mean_over_clips([SHORT, LONG], psnr_of_mean_error) == pytest.approx(within)
    noise = [10 ** (-value / 10) for value in (20, 40, 30, 30, 30, 36)]
    wanted = -10 * math.log10(sum(noise) / 6)
    assert over_all_frames([SHORT, LONG], psnr_of_mean_error) == pytest.approx(wanted, abs=1e-6)


def test_a_perfect_frame_makes_the_mean_infinite_but_not_the_psnr_of_the_mean_error():
    psnrs = torch.tensor([30.0, math.inf])
    assert mean(psnrs) == math.inf
    assert psnr_of_mean_error(psnrs) == pytest.approx(30 + 10 * math.log10(2))


def test_frames_without_a_number_are_left_out():
    psnrs = torch.tensor([30.0, math.nan, 34.0])
    assert mean(psnrs) == 32
    assert psnr_of_mean_error(psnrs) == pytest.approx(psnr_of_mean_error(psnrs[[0, 2]]))
