"""The JSON is a promise to programs; the rows are for readers."""

import json
import math

import pytest

from stvsr.evaluation.suites import NetworkResult, Scores, SuiteResult
from stvsr.evaluation.tables import HEADINGS, as_json, as_rows


@pytest.fixture
def result() -> SuiteResult:
    walk = Scores(psnr_y=24.9, ssim_y=0.7672, psnr_y_key=math.inf, psnr_y_interpolated=23.65)
    mean = Scores(psnr_y=23.3, ssim_y=0.6155, psnr_y_key=math.inf, psnr_y_interpolated=22.87)
    one = NetworkResult(network="bicubic", scores=mean, clips={"walk": walk})
    return SuiteResult(suite="vid4", without=None, results=(one,))


def test_the_json_has_the_promised_names_and_is_strict(result):
    walk = {"psnr_y": 24.9, "ssim_y": 0.7672, "psnr_y_key": None, "psnr_y_interpolated": 23.65}
    mean = {"psnr_y": 23.3, "ssim_y": 0.6155, "psnr_y_key": None, "psnr_y_interpolated": 22.87}
    wanted = {"suite": "vid4", "without": None, "results": [{"network": "bicubic", **mean, "clips": {"walk": walk}}]}
    assert json.loads(json.dumps(as_json(result), allow_nan=False)) == wanted


def test_readers_get_a_row_per_clip_and_one_for_the_mean(result):
    rows = as_rows(result)
    assert rows == [
        ("bicubic", "walk", "24.90", "0.7672", "inf", "23.65"),
        ("bicubic", "mean", "23.30", "0.6155", "inf", "22.87"),
    ]
    assert {len(row) for row in rows} == {len(HEADINGS)}
