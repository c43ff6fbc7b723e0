"""Work that is shared among threads."""

import os
import subprocess
import sys
from functools import partial
from threading import Event, get_ident
from typing import no_type_check

import pytest
import torch
from numba import float32, int64

from stvsr.ops import machine_code
from stvsr.ops.machine_code import FP32, OverMemory, at_once, helpers, in_bands, kept


@pytest.fixture(params=["PyTorch's threads", "our own"])
def _whose(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "our own":
        monkeypatch.setattr(machine_code, "team", lambda: None)


@pytest.mark.usefixtures("_whose")
def test_tasks_are_done_once_each_and_other_threads_take_part():
    done: list[tuple[int, int]] = []
    met = Event()
    at_once([lambda: done.append((0, get_ident())) or met.wait(10), lambda: done.append((1, get_ident())) or met.set()])
    assert sorted(task for task, _ in done) == [0, 1]
    assert len({thread for _, thread in done}) == 2


@pytest.mark.usefixtures("_whose")
def test_what_fails_in_any_thread_fails_where_it_was_asked_for():
    met = Event()
    with pytest.raises(ZeroDivisionError):
        at_once([lambda: met.wait(10), lambda: met.set() or 1 / 0])


def test_what_no_helper_has_time_for_is_done_all_the_same_and_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(machine_code, "team", lambda: None)
    free = Event()
    busy = [helpers().submit(free.wait, 60) for _ in range(os.cpu_count() or 1)]
    done: list[int] = []
    at_once([partial(done.append, task) for task in range(5)])
    assert done == [0, 1, 2, 3, 4]
    free.set()
    assert all(each.result() for each in busy)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_that_was_forked_off_has_helpers_of_its_own():
    lines = """
import os
from threading import Event
from stvsr.ops.machine_code import at_once
met = Event()
at_once([met.wait, met.set])
if child := os.fork():
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
met, helped = Event(), []
at_once([lambda: helped.append(met.wait(20)), met.set])
os._exit(0 if helped == [True] else 1)
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", lines], timeout=120).returncode == 0


def test_without_a_folder_for_translations_they_are_made_each_time():
    translated = []

    def translation(*, cache: bool = False):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: translated.append(function) or function

    assert kept(translation, at_once) == at_once
    assert translated == [at_once]


def test_a_function_over_memory_is_given_addresses_and_numbers_as_its_annotations_say():
    @OverMemory
    @no_type_check
    def weigh(first: int64, last: int64, numbers: FP32, weight: float32):
        for place in range(first, last):
            numbers[place] = weight * numbers[place] - place

    numbers = torch.arange(5.0)
    in_bands(weigh, 4, numbers, 2.5)
    assert numbers.tolist() == [0, 1.5, 3, 4.5, 4]
