"""Every test draws the same random numbers, whichever ran before it, and sees no weights but the shipped ones."""

from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def nothing_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STVSR_WEIGHTS", str(tmp_path / "imported"))
