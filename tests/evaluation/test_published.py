"""The printed tables: complete, and the same as in the papers' text, re-read where it is at hand."""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from stvsr.evaluation.protocol import make_task
from stvsr.evaluation.published import FOLDER, MEASURES, TABLES, difference, on_suite, published, sum_of
from stvsr.evaluation.suites import SUITES

PAPERS = Path(__file__).parents[3] / "shared/papers"
SYSTEMS = {
    ("CycMu-Net", "1"): 16,
    ("CycMu-Net", "2"): 5,
    ("CycMu-Net", "3"): 8,
    ("TP", "1"): 12,
    ("STINet", "I"): 18,
    ("STINet", "II"): 2,
    ("MBnet", "3"): 9,
    ("YOGO", "1"): 13,
    ("YOGO", "2"): 5,
}
# read once more in the papers, by eye, for this test
SPOT_CHECKS = [
    ("CycMu-Net", "1", "CycMu-Net", "ucf101", 8, "ie", 7.931),
    ("CycMu-Net", "1", "SepConv → RBPN", "vimeo-triplets", 8, "psnr", 26.409),
    ("CycMu-Net", "1", "TMNet", "vimeo-triplets", 2, "ssim", 0.964),
    ("CycMu-Net", "2", "Bicubic", "ucf101", 4, "psnr", 27.254),
    ("CycMu-Net", "2", "EDVR", "vimeo-triplets", 4, "ie", 3.680),
    ("CycMu-Net", "3", "CAIN", "middlebury", 4, "ie", 2.369),
    ("CycMu-Net", "3", "CycMu-Net", "vimeo-triplets", 4, "psnr", 39.074),
    ("TP", "1", "SAN → DAIN", "vid4", 4, "ssim", 0.7515),
    ("TP", "1", "TP", "vimeo-fast", 4, "niqe", 7.1320),
    ("TP", "1", "SepConv → IMDN", "vimeo-slow", 4, "psnr", 31.75),
    ("STINet", "I", "SepConv → Bicubic", "adobe240", 4, "ssim", 0.7457),
    ("STINet", "I", "SepConv → RCAN", "vid4", 4, "psnr", 24.92),
    ("STINet", "I", "RSTT-L", "vimeo-medium", 4, "ssim", 0.9381),
    ("STINet", "I", "BMBC → ETDM", "vimeo-slow", 4, "ssim", 0.9126),
    ("STINet", "II", "STINet", "vimeo-medium", 4, "psnr", 34.66),
    ("MBnet", "3", "MBnet", "middlebury", 4, "niqe", 5.359),
    ("MBnet", "3", "RBPN → DAIN (joint)", "vimeo-triplets", 4, "psnr", 30.623),
    ("YOGO", "1", "DAIN → EDVR", "vimeo-medium", 4, "psnr", 34.76),
    ("YOGO", "2", "YOGO-64", "vid4", 4, "ssim", 0.8022),
]


def test_no_table_lost_a_row_or_a_number():
    systems = Counter((row.paper, row.table) for row in {(r.paper, r.table, r.system): r for r in published()}.values())
    assert dict(systems) == SYSTEMS
    numbers = Counter(row.paper for row in published() for _ in row.numbers)
    assert numbers == {"CycMu-Net": 324, "TP": 180, "STINet": 212, "MBnet": 87, "YOGO": 144}
    assert len(published()) == 114 + 60 + 106 + 30 + 72
    assert {table.file for table in TABLES} == {path.stem for path in FOLDER.glob("*.csv")}


@pytest.mark.parametrize(("paper", "table", "system", "suite", "scale", "measure", "value"), SPOT_CHECKS)
def test_numbers_are_those_of_the_papers(paper, table, system, suite, scale, measure, value):
    rows = [row for row in on_suite(suite) if (row.paper, row.table, row.system) == (paper, table, system)]
    assert value in [row.numbers[measure] for row in rows if row.protocol.scale == scale]


@pytest.mark.skipif(not PAPERS.exists(), reason="the papers are not here")
def test_every_number_stands_in_the_text_of_its_paper():
    files = dict(zip(("CycMu-Net", "TP", "STINet", "MBnet", "YOGO"), sorted(PAPERS.glob("*.txt")), strict=True))
    texts = {paper: Counter(map(float, re.findall(r"\d+\.\d+", file.read_text()))) for paper, file in files.items()}
    for paper, text in texts.items():
        printed = Counter(value for row in published() if row.paper == paper for value in row.numbers.values())
        assert not printed - text, f"{paper} has numbers that its text does not have, or not as often"


def test_every_row_is_of_a_known_suite_and_within_reason():
    for row in published():
        assert row.suite in SUITES, row
        assert set(row.numbers) <= set(MEASURES)
        assert 20 < row.numbers.get("psnr", 30) < 40
        assert 0.5 < row.numbers.get("ssim", 0.9) < 1
    assert sum_of("21.7+10.4") == 32.1
    assert sum_of("") is None


def test_within_a_suite_a_paper_ranks_systems_alike_by_psnr_and_by_error():
    """A slip in a column would break the order: PSNR falls as IE rises."""
    for suite in ("ucf101", "vimeo-triplets"):
        for scale in (2, 4, 8):
            rows = [
                row.numbers
                for row in on_suite(suite)
                if row.protocol == make_task(scale=scale) and {"psnr", "ie"} <= set(row.numbers)
            ]
            assert len(rows) in (12, 15)
            rows.sort(key=lambda numbers: numbers["psnr"])
            errors = [numbers["ie"] for numbers in rows]
            assert all(after <= before * 1.03 for before, after in pairwise(errors))


@pytest.mark.parametrize(
    ("paper", "suite", "task", "channels", "scored", "reason"),
    [
        ("YOGO", "vid4", make_task(), "Y", "all", None),
        ("TP", "vid4", make_task(), "Y", "all", None),
        ("YOGO", "vid4", make_task(scale=2), "Y", "all", "measured x4 in space, x2 in time"),
        ("YOGO", "vid4", make_task("space"), "Y", "all", "measured x4 in space, x2 in time"),
        ("YOGO", "vid4", make_task(), "RGB", "all", "measured on Y, ours on RGB"),
        ("YOGO", "vid4", make_task(), "Y", "between", "scored frames: all, ours: between"),
        ("MBnet", "vid4", make_task(), "Y", "all", "does not say whether Y or RGB"),
        ("TP", "ucf101", make_task(), "RGB", "between", "which frames of UCF101"),
    ],
)
def test_only_numbers_of_the_same_protocol_may_stand_beside_ours(paper, suite, task, channels, scored, reason):
    row = next(row for row in on_suite(suite) if row.paper == paper)
    found = difference(row, task, channels, scored)
    assert found is None if reason is None else reason in found
