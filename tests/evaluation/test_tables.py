"""The JSON is a promise to programs; the rows are for readers."""

import json
import math
from dataclasses import replace

import pytest

from stvsr.evaluation.measure import NetworkResult, Scores, SuiteResult
from stvsr.evaluation.protocol import make_task
from stvsr.evaluation.tables import as_json, as_rows


@pytest.fixture
def result() -> SuiteResult:
    walk = Scores(psnr_y=24.9, ssim_y=0.7672, psnr_y_key=math.inf, psnr_y_interpolated=23.65, psnr_rgb=23.5, ie=9.25)
    mean = Scores(psnr_y=23.3, ssim_y=0.6155, psnr_y_key=math.inf, psnr_y_interpolated=None, psnr_rgb=22.0, ie=10.5)
    one = NetworkResult(network="bicubic", scores=mean, clips={"walk": walk}, parameters=0, macs=212502528)
    return SuiteResult(suite="vid4", task=make_task(), without=None, results=(one,))


def test_the_json_has_the_promised_names_and_is_strict(result):
    walk = {"psnr_y": 24.9, "ssim_y": 0.7672, "psnr_y_key": None, "psnr_y_interpolated": 23.65}
    walk |= {"psnr_rgb": 23.5, "ie": 9.25, "ssim_across_colours": None}
    mean = {"psnr_y": 23.3, "ssim_y": 0.6155, "psnr_y_key": None, "psnr_y_interpolated": None}
    mean |= {"psnr_rgb": 22.0, "ie": 10.5, "ssim_across_colours": None}
    for means in (walk, mean):  # not asked for
        means |= dict.fromkeys(("niqe", "lpips", "tof", "warping_error", "flicker", "psnr_moving"))
    costs = {"parameters": 0, "macs": 212502528, "seconds_per_output_frame": None}
    results = [{"network": "bicubic", **mean, **costs, "clips": {"walk": walk}}]
    task = {"protocol": 1, "mode": "space-time", "scale": 4, "times": 2}
    wanted = {"suite": "vid4", "without": None, **task, "results": results}
    assert json.loads(json.dumps(as_json(result), allow_nan=False)) == wanted
    results[0]["seconds_per_output_frame"] = 0.25
    assert as_json(result, {"bicubic": 0.25}) == wanted


def test_readers_get_a_row_per_clip_and_one_for_the_mean(result):
    headings, *rows = as_rows(result)
    assert headings == ("network", "clip", "PSNR-Y", "SSIM-Y", "PSNR-Y key", "PSNR-Y interpolated", "PSNR-RGB", "IE")
    assert rows == [
        ("bicubic", "walk", "24.90", "0.7672", "inf", "23.65", "23.50", "9.250"),
        ("bicubic", "mean", "23.30", "0.6155", "inf", "–", "22.00", "10.500"),
    ]
    assert {len(row) for row in rows} == {len(headings)}
    (one,) = result.results
    more = replace(result, results=(replace(one, scores=replace(one.scores, niqe=4.5)),))
    assert as_rows(more)[0][-1] == "NIQE"
    assert as_rows(more)[-1][-1] == "4.500"
