"""Two hundred broken films: the command either works or says in words why not, and leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import fuzz_media


def test_broken_films_never_end_in_a_crash_a_hang_or_a_leftover(tmp_path: Path):
    fuzz = [sys.executable, fuzz_media.__file__, str(tmp_path / "films"), "0", "200"]
    done = subprocess.run(fuzz, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
