"""The proof goes red for every fault that it is there to find, and for nothing else."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from made_clips import MADE_CLIPS, Sound, make_film, picture
from stvsr.jobs.expect import Expectation, expectation_of
from stvsr.jobs.sound import Span
from stvsr.jobs.verify import verify

PICTURES = [picture(index) for index in range(24)]


def film(path: Path, **changes: object) -> Path:
    return make_film(path, sounds=(Sound(),), **changes)  # pyright: ignore[reportArgumentType]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return film(tmp_path / "source.mkv")


@pytest.fixture
def promise(source: Path) -> Expectation:
    """What a faithful copy of the source holds."""
    return replace(
        expectation_of(source),
        frames=24,
        times=[index / 24 for index in range(24)],
        size=(64, 48),
        streams=Counter(audio=1),
    )


def wrong(path: Path, promise: Expectation) -> set[str]:
    return {check.name for check in verify(path, promise).checks if not check.ok}


def test_a_faithful_copy_passes(source: Path, promise: Expectation):
    report = verify(source, promise)
    assert report.ok, report.failures
    assert len(report.checks) == 14


FAULTS: dict[str, tuple[dict, set[str]]] = {
    "a frame too few": ({"count": 23}, {"frames"}),
    "another rate": ({"rate": Fraction(25)}, {"timestamps"}),
    "another length": ({"rate": Fraction(20)}, {"timestamps", "duration", "sound 1 ends"}),
    "stretched pixels": ({"aspect": Fraction(4, 3)}, {"pixel aspect"}),
    "another matrix": ({"colours": "bt601"}, {"colour"}),
    "no colour tags": ({"colours": None}, {"colour"}),
    "another range": ({"full_range": True}, {"colour"}),
    "a black picture": (
        {"pictures": [*PICTURES[:9], np.zeros_like(PICTURES[9]), *PICTURES[10:]]},
        {"black, flat or wrong pictures"},
    ),
    "a flat picture of the right level": (
        {"pictures": [*PICTURES[:9], np.full_like(PICTURES[9], int(PICTURES[9].mean())), *PICTURES[10:]]},
        {"black, flat or wrong pictures"},
    ),
    "pictures too bright": (
        {"pictures": [np.minimum(image.astype(int) + 40, 255).astype(np.uint8) for image in PICTURES]},
        {"black, flat or wrong pictures"},
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_turns_its_own_check_red(tmp_path: Path, promise: Expectation, fault: str):
    changes, names = FAULTS[fault]
    assert wrong(film(tmp_path / "faulty.mkv", **changes), promise) == names


@pytest.mark.parametrize(("size", "ok"), [((64, 48), True), ((63, 47), True), ((62, 48), False), ((64, 50), False)])
def test_only_a_row_and_a_column_may_be_added_to_an_odd_size(
    source: Path, promise: Expectation, size: tuple[int, int], ok: bool
):
    assert wrong(source, replace(promise, size=size)) == (set() if ok else {"size"})


def test_a_lost_stream_is_found(source: Path, promise: Expectation):
    assert wrong(source, replace(promise, streams=Counter(audio=1, subtitle=1))) == {"streams"}
    silent = make_film(source.with_name("silent.mkv"))
    assert wrong(silent, promise) == {"streams", "sound tracks"}


@pytest.mark.parametrize(("shift", "names"), [(Fraction(1, 100), set()), (Fraction(1, 10), {"sound 1 begins"})])
def test_sound_out_of_step_is_found(source: Path, promise: Expectation, shift: Fraction, names: set[str]):
    (span,) = promise.sound or ()
    late = Span(span.start + shift, span.end)
    assert wrong(source, replace(promise, sound=(late,))) == names


def test_a_rotation_that_was_lost_is_found(tmp_path: Path, source: Path, promise: Expectation):
    rotated = MADE_CLIPS["rotated"](tmp_path)
    assert wrong(source, replace(promise, rotation=expectation_of(rotated).rotation)) == {"rotation"}


def test_dark_and_flat_sources_may_stay_so(tmp_path: Path):
    grey = [np.full((48, 64, 3), level, np.uint8) for level in (0, 0, 90, 90, 180, 180, 255, 255)]
    dark = make_film(tmp_path / "dark.mkv", count=8, pictures=grey)
    assert verify(dark, expectation_of(dark)).ok


def test_damage_is_found_without_any_expectation(tmp_path: Path):
    whole = make_film(tmp_path / "whole.mkv", codec="ffv1", options={"level": "3", "slicecrc": "1", "g": "1"})
    assert verify(whole).ok
    data = bytearray(whole.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 600] = bytes(600)
    whole.write_bytes(data)
    assert {check.name for check in verify(whole).checks if not check.ok} >= {"broken pictures"}
