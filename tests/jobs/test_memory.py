"""Memory does not grow with the film. ``benchmarks/memory.py`` shows the same on 300 and 3,000 frames."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_ten_times_the_film_takes_no_more_memory():
    told = subprocess.run([sys.executable, BENCHMARK, "80", "800"], check=True, capture_output=True, text=True)
    facts = json.loads(told.stdout)
    assert abs(facts["growth"]) < 0.1, facts
