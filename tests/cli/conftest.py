"""The command, run in this process: what it prints where, and how it ends."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from stvsr.cli.main import main


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


@pytest.fixture
def stvsr(capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """``stvsr("enhance", path, "--json")``."""

    def run(*arguments: object) -> Run:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return run
