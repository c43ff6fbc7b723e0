"""Work that is shared among threads."""

import os
import subprocess
import sys
from functools import partial
from threading import Event, get_ident

import pytest

from stvsr.ops.machine_code import at_once, helpers


def test_tasks_are_done_once_each_and_helpers_that_have_time_take_part():
    done: list[tuple[int, int]] = []
    met = Event()
    at_once([lambda: done.append((0, get_ident())) or met.wait(10), lambda: done.append((1, get_ident())) or met.set()])
    assert sorted(task for task, _ in done) == [0, 1]
    assert len({thread for _, thread in done}) == 2


def test_what_no_helper_has_time_for_is_done_all_the_same_and_at_once():
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
