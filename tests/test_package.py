"""The package as a whole: light to import, complete, and with a public face that changes only on purpose."""

import os
import subprocess
import sys

import pytest

import stvsr
from stvsr import api


def in_fresh_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_public_names_are_these():
    assert stvsr.__all__ == ["__version__", "enhance", "enhance_frames", "evaluate", "load"]
    assert sorted(set(stvsr.__all__) - {"__version__"}) == api.__all__
    for name in api.__all__:
        assert getattr(stvsr, name) is getattr(api, name)
    with pytest.raises(AttributeError, match="nonesuch"):
        stvsr.nonesuch  # noqa: B018


@pytest.mark.parametrize("code", ["import stvsr", "from stvsr.cli.main import main; main(['--help'])"])
def test_neither_import_nor_help_loads_torch(code: str):
    heavy = ("torch", "av", "numpy")
    assert in_fresh_python(f"import sys\n{code}\nprint([name for name in {heavy} if name in sys.modules])").endswith(
        "[]"
    )


def test_help_answers_within_half_a_second():
    def seconds() -> float:
        """Of the processor, which does not count what else the machine is doing."""
        before = os.times()
        in_fresh_python("from stvsr.cli.main import main; main(['--help'])")
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(5)) < 0.5
