"""Ours beside theirs: only numbers of the same suite, scale and protocol; the others apart, each with the reason."""

import csv
import io
import json
import re

import pytest

from stvsr.evaluation.comparison import FORMATS, Comparison, compare
from stvsr.evaluation.measure import NetworkResult, Scores, SuiteResult
from stvsr.evaluation.protocol import Task, make_task
from stvsr.evaluation.published import on_suite


def result_of(suite: str, task: Task) -> SuiteResult:
    scores = Scores(
        psnr_y=23.33,
        ssim_y=0.6155,
        psnr_y_key=None,
        psnr_y_interpolated=None,
        psnr_rgb=22.05,
        ie=10.5,
        ssim_across_colours=0.876,
    )
    names = ("unison_s & more", "bicubic")
    results = [
        NetworkResult(network=name, scores=scores, clips={}, parameters=331191, macs=45666154080) for name in names
    ]
    return SuiteResult(suite=suite, task=task, without=None, results=tuple(results))


@pytest.fixture
def vid4() -> Comparison:
    return compare(result_of("vid4", make_task()), {"bicubic": 0.125})


def test_vid4_x4_stands_beside_every_system_that_was_measured_so(vid4):
    assert [row.system for row in vid4.rows[:2]] == ["unison_s & more", "bicubic"]
    theirs = {row.system for row in vid4.rows[2:]}
    systems = "TP, STINet, YOGO-56, YOGO-64, Zooming Slow-Mo, TMNet, STARnet, RSTT-L, VideoINR, DAIN → EDVR, SAN → DAIN"
    assert set(systems.split(", ")) <= theirs
    assert "MBnet" not in theirs
    assert all(row.reason is None for row in vid4.rows)
    apart = {row.system: row.reason for row in vid4.others}
    assert "Y or RGB" in apart["MBnet"]
    assert {"measured x4 in space, x4 in time", "measured x4 in space, x6 in time"} <= {
        row.reason for row in vid4.others
    }


@pytest.mark.parametrize(
    ("suite", "task"),
    [
        ("vid4", make_task()),
        ("vid4", make_task(scale=2)),
        ("ucf101", make_task("space")),
        ("middlebury", make_task("time")),
        ("middlebury", make_task("time", scale=4)),
        ("vimeo-triplets", make_task(scale=8)),
        ("adobe240", make_task()),
        ("folder", make_task()),
    ],
)
def test_nothing_printed_is_lost_and_nothing_stands_on_both_sides(suite, task):
    shown = compare(result_of(suite, task))
    theirs = [row for row in (*shown.rows[2:], *shown.others)]
    sources = [(row.system, source) for row in theirs for source in row.source.split("; ")]
    assert sorted(sources) == sorted((row.system, row.source) for row in on_suite(suite))
    assert all((row.reason is None) == (row in shown.rows) for row in theirs)


def test_what_several_papers_print_alike_is_one_row_with_all_that_they_tell(vid4):
    (row,) = [row for row in vid4.rows if row.system == "TMNet"]
    assert row.source == "STINet, Table I; YOGO, Table 2"
    assert (row.psnr, row.parameters, row.macs) == (26.43, 12.26, 1.874)
    slow_mo = [row for row in vid4.rows if row.system == "Zooming Slow-Mo"]
    assert sorted((row.psnr, row.source) for row in slow_mo) == [
        (26.30, "TP, Table 1"),
        (26.31, "STINet, Table I; YOGO, Table 2"),
    ]


def test_on_triplets_ours_are_the_numbers_in_rgb_with_the_error():
    shown = compare(result_of("ucf101", make_task(scale=8)))
    assert (shown.rows[0].psnr, shown.rows[0].ssim, shown.rows[0].ie) == (22.05, 0.876, 10.5)
    assert [row.ie for row in shown.rows if row.system == "CycMu-Net"] == [7.931]
    middlebury = compare(result_of("middlebury", make_task("time", scale=4)))
    assert len(middlebury.rows) == 2 + 8
    assert len(compare(result_of("middlebury", make_task("time"))).rows) == 2, "the paper measured small frames"
    assert "| CycMu-Net | CycMu-Net, Table 3 | – | – | 0.983 | 11.10 |" in FORMATS["md"](middlebury)


def test_markdown_has_two_whole_tables_and_says_the_protocol(vid4):
    text = FORMATS["md"](vid4)
    assert text.startswith("Vid4, x4 in space, x2 in time; PSNR and SSIM on Y, all frames; protocol 1.\n")
    head = "| system | source | PSNR-Y | SSIM-Y | parameters (M) | MACs (T) | s per frame here |"
    assert head in text
    assert head.replace("-Y", "")[:-2] + " | why |" in text
    assert "| bicubic | here | 23.33 | 0.6155 | 0.33 | 0.046 | 0.125 |" in text
    assert "| STINet | STINet, Table I | 26.79 | 0.8049 | 11.76 | – | – |" in text
    blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(blocks) == 2
    for block in blocks:
        assert len({line.count("|") for line in block}) == 1


def test_csv_has_every_row_once_and_the_reason_last(vid4):
    lines = list(csv.DictReader(io.StringIO(FORMATS["csv"](vid4))))
    assert len(lines) == len(vid4.rows) + len(vid4.others)
    assert [line["not comparable"] for line in lines if line["system"] == "bicubic"] == [""]
    assert all(line["not comparable"] for line in lines if line["system"] == "MBnet")
    assert all(None not in line and None not in line.values() for line in lines)


def test_json_holds_the_task_and_numbers(vid4):
    facts = json.loads(FORMATS["json"](vid4))
    assert (facts["suite"], facts["scale"], facts["times"], facts["channels"]) == ("vid4", 4, 2, "Y")
    assert facts["rows"][1]["seconds"] == 0.125
    assert len(facts["rows"]) == len(vid4.rows) + len(vid4.others)


def test_latex_is_a_table_with_its_signs_escaped_and_the_others_in_comments(vid4):
    text = FORMATS["latex"](vid4)
    body = [line for line in text.splitlines() if not line.startswith("%")]
    rows = [line for line in body if line.endswith(r"\\")]
    assert len(rows) == 1 + len(vid4.rows)
    assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {6}
    assert r"unison\_s \& more" in rows[1]
    assert r"DAIN $\rightarrow$ EDVR" in text
    assert "% not comparable: MBnet" in text


def test_a_suite_without_printed_numbers_shows_ours_alone():
    shown = compare(result_of("folder", make_task()))
    assert len(shown.rows) == 2
    assert shown.others == ()
    assert "not comparable" not in FORMATS["md"](shown)
