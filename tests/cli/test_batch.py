"""Many films: each has its own end, none stops the others, and nothing that is done is done again."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from made_clips import MADE_CLIPS, make_film

QUICK = ("--scale", "1", "--keep-fps", "--network", "bicubic")


@pytest.fixture
def tapes(tmp_path: Path) -> Path:
    folder = tmp_path / "tapes"
    folder.mkdir()
    for name in ("a.mkv", "c.mp4"):
        make_film(folder / name, count=4, size=(32, 24))
    (folder / "b.mp4").write_text("not a film")
    (folder / "notes.txt").write_text("nor this")
    return folder


def ends(run: Any) -> list[tuple[str, str]]:
    return [(Path(film["source"]).name, film["status"]) for film in run.json["films"]]


def test_one_bad_film_stops_no_other_and_a_second_run_does_only_what_is_left(stvsr: Callable, tapes: Path):
    run = stvsr("batch", tapes, *QUICK, "--json")
    assert run.code == 1
    assert ends(run) == [("a.mkv", "done"), ("b.mp4", "failed"), ("c.mp4", "done")]
    assert "text file" in run.json["films"][1]["error"]
    assert "2 of 3" in stvsr("batch", tapes, *QUICK).err
    make_film(tapes / "b.mp4", count=4, size=(32, 24))
    run = stvsr("batch", tapes, *QUICK, "--json")
    assert run.code == 0
    assert ends(run) == [("a.mkv", "done before"), ("b.mp4", "done"), ("c.mp4", "done before")]


def test_a_folder_takes_the_results_and_patterns_name_the_films(stvsr: Callable, tapes: Path, tmp_path: Path):
    run = stvsr("batch", f"{tapes}/*.mkv", tapes / "c.mp4", "--to", tmp_path / "made", *QUICK, "--json")
    assert run.code == 0, run.err
    assert sorted(os.listdir(tmp_path / "made")) == ["a.x1.24fps.mkv", "c.x1.24fps.mp4"]
    assert stvsr("batch", f"{tapes}/*.avi", *QUICK).code == 1


def test_a_job_file_gives_each_film_its_own_options(stvsr: Callable, tapes: Path, tmp_path: Path):
    lines = [
        {"source": str(tapes / "a.mkv"), "target": str(tmp_path / "big.mp4"), "options": {"scale": 2}},
        {"source": str(tapes / "c.mp4"), "options": {"keep_fps": False, "fps": 30}},
        {"source": str(tapes / "c.mp4"), "options": {"colour": "blue"}},
    ]
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text("\n\n".join(map(json.dumps, lines)))
    run = stvsr("batch", jobs, *QUICK, "--json")
    assert [status for _, status in ends(run)] == ["done", "done", "failed"], run.err
    assert (tmp_path / "big.mp4").exists()
    assert (tapes / "c.x1.30fps.mp4").exists()
    assert "colour, which enhance does not know" in run.json["films"][2]["error"]
    jobs.write_text("{}")
    assert "Line 1" in stvsr("batch", jobs, *QUICK).err


def test_another_film_under_the_name_of_a_result_is_left_alone(stvsr: Callable, tmp_path: Path):
    source = MADE_CLIPS["plain"](tmp_path)
    precious = make_film(tmp_path / "plain.x1.24fps.mp4")
    before = precious.read_bytes()
    run = stvsr("batch", source, *QUICK, "--json")
    assert ends(run) == [("plain.mp4", "failed")]
    assert precious.read_bytes() == before
