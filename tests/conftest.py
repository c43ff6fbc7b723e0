"""Every test draws the same random numbers, whichever ran before it, and sees no weights but the shipped ones."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    torch.manual_seed(0)


@pytest.fixture
def on_cores() -> Iterator[Callable[[int], None]]:
    """``on_cores(2)``: so many for PyTorch, until the test ends."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def nothing_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STVSR_WEIGHTS", str(tmp_path / "imported"))
