"""The doctor names what is missing, and a cure for each."""

from collections import namedtuple
from pathlib import Path

import pytest

from stvsr.jobs import doctor


def test_a_codec_that_is_missing_comes_with_a_cure():
    assert doctor.codec("encoder libx264", "libx264", "w", needed=True).ok
    missing = doctor.codec("encoder nonesuch", "nonesuch", "w", needed=True)
    assert (missing.ok, missing.found) == (False, "absent")
    assert "pip install" in (missing.cure or "")


def test_a_graphics_card_that_lies_idle_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "which", lambda _: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(doctor.torch.cuda, "is_available", lambda: False)
    finding = doctor.graphics_card()
    assert not finding.ok
    assert "pytorch.org" in (finding.cure or "")


def test_little_space_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(doctor, "disk_usage", lambda _: usage(10**8))
    assert not doctor.space(tmp_path).ok
    assert "0.1 GB" in doctor.space(tmp_path).found


def test_the_self_test_uses_the_network_that_films_are_enhanced_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("stvsr.weights.catalog.FOLDER", tmp_path)
    finding = doctor.self_test()
    assert finding.ok, finding.found
    assert "24 of 256x192 by bicubic" in finding.found
