"""Referees: arithmetic on a machine of a known size; the system's own count of pages handed out."""

import platform
import subprocess
import sys

import pytest
import torch

from stvsr.inference import memory
from stvsr.networks import NETWORKS

CPU = torch.device("cpu")


@pytest.fixture
def laptop(monkeypatch):
    monkeypatch.setattr(memory, "built_in_memory", lambda device: 8 * 2**30)  # noqa: ARG005


@pytest.mark.usefixtures("laptop")
def test_a_laptop_takes_small_films_whole_and_tiles_wide_ones():
    network = NETWORKS["unison-s"](scale=4)
    tile = memory.tile_that_fits(network, CPU, frames=14 + 32)
    assert 144 < tile < 16384
    per_pixel = 4 * (3 * 64 + 4 * 48)  # three maps of the widest layer (the tail), four of the output
    assert tile**2 * 46 * per_pixel <= 2 * 2**30 < (tile + 1) ** 2 * 46 * per_pixel


@pytest.mark.usefixtures("laptop")
@pytest.mark.parametrize(("height", "width", "count"), [(144, 180, 32), (720, 1280, 6), (9000, 16384, 1)])
def test_finished_frames_take_an_eighth_of_the_memory_and_one_always_fits(height, width, count):
    assert memory.frames_that_fit(height, width, 4, CPU) == count


@pytest.mark.parametrize(("text", "limited"), [("1073741824\n", True), ("max\n", False)])
def test_a_container_has_no_more_than_it_was_given(text, limited, tmp_path, monkeypatch):
    (tmp_path / "limit").write_text(text)
    monkeypatch.setattr(memory, "CONTAINER_LIMITS", (tmp_path / "limit", tmp_path / "missing"))
    assert (memory.built_in_memory(CPU) == 2**30) == limited


ASK_AGAIN = """
import resource, torch
from stvsr.inference.memory import keep_freed_memory

def pages_handed_out():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)  # 64 MiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

plain = pages_handed_out()
keep_freed_memory()
torch.ones(2**24)
print(plain, pages_handed_out())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators are left as they are")
def test_freed_memory_is_not_asked_of_the_system_again():
    told = subprocess.run([sys.executable, "-c", ASK_AGAIN], check=True, capture_output=True, text=True)
    plain, kept = map(int, told.stdout.split())
    assert kept < plain / 5
