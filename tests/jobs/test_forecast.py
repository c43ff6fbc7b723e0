"""A plan says what enhancing then does, and names what ails the source with the option that answers it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_clips import MADE_CLIPS, make_film, picture, with_cuts
from stvsr.inference import Target
from stvsr.jobs.forecast import Forecast, foresee
from stvsr.jobs.journal import Job
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance

SETTINGS = EnhanceSettings(scale=2, network="bicubic", segment=10)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def test_enhance_does_what_the_plan_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = make_film(tmp_path / "film.mp4", count=40, pictures=with_cuts(40, 8))
    before = sorted(path.name for path in tmp_path.iterdir())
    plan, expected = foresee(source, None, SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    publish, finished = Job.publish, []

    def noted(*arguments: object) -> None:
        finished.append(arguments)
        publish(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Job, "publish", noted)
    result = enhance(source, settings=SETTINGS)
    assert replace(result.plan, writing=plan.writing) == plan
    assert (len(finished), result.frames_in, result.frames_out) == (5, 40, 80)
    assert (expected.segments, expected.shots, expected.frames_in, expected.frames_out) == (5, 5, 40, 80)
    assert 0 < expected.seconds < 60
    assert expected.memory_bytes > 0 < expected.disk_bytes


def test_the_calibration_is_kept_and_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    source = MADE_CLIPS["plain"](tmp_path)
    _, measured = foresee(source, None, SETTINGS)
    monkeypatch.setattr("stvsr.jobs.calibration.measured", lambda *_: pytest.fail("measured again"))
    assert foresee(source, None, SETTINGS)[1].seconds == measured.seconds


def test_tiles_are_counted_as_they_are_rendered(tmp_path: Path):
    source = make_film(tmp_path / "film.mp4", count=4, size=(100, 64))
    settings = replace(SETTINGS, render=replace(SETTINGS.render, tile=48))
    assert foresee(source, None, settings)[1].tiles > 1


def interlaced(folder: Path) -> Path:
    small = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8))
    large = np.asarray(small.resize((128, 96), Image.Resampling.BICUBIC))
    fields = [np.roll(large, 3 * field, axis=1) for field in range(80)]
    even = np.arange(96)[:, None, None] % 2 == 0
    pictures = [np.where(even, fields[2 * index], fields[2 * index + 1]) for index in range(40)]
    return make_film(folder / "fields.mkv", codec="ffv1", count=40, size=(128, 96), pictures=pictures)


def repeated(folder: Path) -> Path:
    pictures = [picture(index) for index in range(12) for _ in range(2)]
    return make_film(folder / "twice.mkv", codec="ffv1", pictures=pictures)


def progressive(folder: Path) -> Path:
    return make_film(folder / "whole.mkv", count=40, size=(320, 240))


AILMENTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "interlaced": (interlaced, "--deinterlace"),
    "repeats": (repeated, "--drop-duplicates"),
    "untagged": (MADE_CLIPS["untagged"], "does not tell its colour"),
}


@pytest.mark.parametrize("ailment", AILMENTS)
def test_what_ails_the_source_is_found(tmp_path: Path, ailment: str):
    make, said = AILMENTS[ailment]
    assert any(said in finding for finding in found_in(make(tmp_path)).findings)


@pytest.mark.parametrize("make", [progressive, MADE_CLIPS["plain"], MADE_CLIPS["ten_bit"]])
def test_nothing_is_found_where_nothing_is(tmp_path: Path, make: Callable[[Path], Path]):
    assert found_in(make(tmp_path)).findings == ()


def found_in(source: Path) -> Forecast:
    return foresee(source, None, replace(SETTINGS, target=Target()))[1]
