"""Whatever ends, and when: no job is lost, none is done twice."""

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from made_jobs import STUB, completions, wait_for
from stvsr.errors import JobError, NoSuchJobError, OutputError
from stvsr.queue import Job, Queue, State, Workers, child

Submit = Callable[[str], Job]


def orphaned(job: Job | None) -> Job:
    """The job, with a child that a process which is no more has started."""
    assert job is not None
    job.folder.mkdir(exist_ok=True)
    server = "import subprocess, sys; subprocess.Popen(sys.argv[1:], start_new_session=True)"
    with open(job.folder / child.OUTCOME, "wb") as outcome:
        command = (sys.executable, "-S", "-c", server, *STUB, str(job.source), str(job.target), "--json")
        subprocess.run(command, stdout=outcome, env=os.environ | {child.MARK: job.id}, check=True)
    return job


def child_of(job: Job) -> int:
    """The process id of a job's child, once it is at work."""
    while not (job.folder / "begun").exists() or not (said := (job.folder / "begun").read_text()).endswith("\n"):
        time.sleep(0.02)
    return int(said.split()[-1])


def test_a_folder_has_one_keeper_at_a_time(queue: Queue):
    with pytest.raises(OutputError, match="in use by another process"):
        Queue(queue.folder)


def test_jobs_are_done_in_the_order_in_which_they_came(queue: Queue, submit: Submit, workers: Workers):
    jobs = [submit("nothing") for _ in range(4)]
    workers.start()
    last = wait_for(queue, jobs[-1], State.DONE)
    assert completions(queue) == [job.id for job in jobs]
    assert last.result == {"output": str(last.target), "frames_out": 10}


def test_a_failing_job_keeps_its_message(queue: Queue, submit: Submit, workers: Workers):
    job = submit("fail")
    workers.start()
    failed = wait_for(queue, job, State.FAILED)
    assert failed.error == {"kind": "InputError", "message": f"{job.source} is not a film."}


def test_a_child_that_dies_without_a_word_is_started_three_times(queue: Queue, submit: Submit, workers: Workers):
    job = submit("die")
    workers.start()
    failed = wait_for(queue, job, State.FAILED)
    assert failed.error is not None
    assert "ended 3 times without a word, last with exit code -9" in failed.error["message"]
    assert len((job.folder / "begun").read_text().split()) == 3


def test_a_command_that_cannot_be_started_fails_the_job_and_not_the_worker(queue: Queue, submit: Submit):
    workers = Workers(queue, ("/nonexistent/command",))
    jobs = [submit("nothing"), submit("nothing")]
    workers.start()
    for job in jobs:
        error = wait_for(queue, job, State.FAILED).error
        assert error is not None
        assert "could not be started" in error["message"]
    workers.stop()


def test_a_disk_too_full_to_note_an_end_does_not_make_it_forgotten(
    queue: Queue, submit: Submit, workers: Workers, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("stvsr.queue.workers.REST", 0.05)
    finish, refusals = queue.finish, iter(range(3))

    def full_at_first(*arguments: object, **facts: object) -> None:
        if next(refusals, None) is not None:
            raise sqlite3.OperationalError("database or disk is full")
        finish(*arguments, **facts)

    monkeypatch.setattr(queue, "finish", full_at_first)
    job = submit("nothing")
    workers.start()
    wait_for(queue, job, State.DONE)
    assert completions(queue) == [job.id]


@pytest.mark.parametrize("what", ["forever", "stubborn"])
def test_cancelling_a_running_job_ends_its_child_and_removes_its_files(
    queue: Queue, submit: Submit, workers: Workers, what: str
):
    job = submit(what)
    workers.start()
    process = child_of(job)
    assert queue.cancel(job.id).state is State.RUNNING
    wait_for(queue, job, State.CANCELLED)
    assert not psutil.pid_exists(process)
    assert not job.folder.exists()
    with pytest.raises(JobError, match="nothing left to cancel"):
        queue.cancel(job.id)


def test_a_job_that_waits_is_cancelled_at_once_and_never_starts(queue: Queue, submit: Submit, workers: Workers):
    first, second = submit("nothing"), submit("nothing")
    assert queue.cancel(first.id).state is State.CANCELLED
    workers.start()
    wait_for(queue, second, State.DONE)
    assert completions(queue) == [second.id]


def test_stopping_ends_the_child_and_the_next_start_does_the_job(queue: Queue, submit: Submit, workers: Workers):
    job = submit("forever")
    workers.start()
    process = child_of(job)
    workers.stop()
    assert not psutil.pid_exists(process)
    assert queue.job(job.id).state is State.QUEUED
    job.source.write_text("nothing")
    again = Workers(queue, STUB)
    again.start()
    wait_for(queue, job, State.DONE)
    again.stop()
    assert completions(queue) == [job.id]


def test_a_child_that_outlived_its_server_is_adopted(queue: Queue, submit: Submit, workers: Workers):
    submit("wait 0.5")
    job = orphaned(queue.claim())
    workers.start()
    assert queue.job(job.id).state is State.RUNNING
    wait_for(queue, job, State.DONE)
    assert completions(queue) == [job.id]


def test_an_adopted_child_can_be_cancelled(queue: Queue, submit: Submit, workers: Workers):
    submit("forever")
    job = orphaned(queue.claim())
    process = child_of(job)
    workers.start()
    queue.cancel(job.id)
    wait_for(queue, job, State.CANCELLED)
    assert not psutil.pid_exists(process)


@pytest.mark.parametrize("word", [True, False], ids=["with a last word", "without a last word"])
def test_what_was_finished_while_nobody_looked_is_not_done_again(
    queue: Queue, submit: Submit, workers: Workers, word: bool
):
    submit("nothing")
    job = queue.claim()
    assert job is not None
    child.start(job, STUB).wait()
    if not word:
        os.truncate(job.folder / child.OUTCOME, 5)
    workers.start()
    done = wait_for(queue, job, State.DONE)
    assert done.result is not None
    assert done.result["output"] == str(job.target)
    assert completions(queue) == [job.id]


def test_a_job_whose_child_died_with_the_server_waits_in_its_old_place(queue: Queue, submit: Submit, workers: Workers):
    first, second = submit("nothing"), submit("nothing")
    assert queue.claim() == queue.job(first.id)  # and then the server was killed, before it had a child
    workers.start()
    wait_for(queue, second, State.DONE)
    assert completions(queue) == [first.id, second.id]


def test_only_what_is_over_can_be_deleted_and_takes_its_files_along(queue: Queue, submit: Submit, workers: Workers):
    job = submit("nothing")
    with pytest.raises(JobError, match="is queued"):
        queue.delete(job.id)
    workers.start()
    wait_for(queue, job, State.DONE)
    queue.delete(job.id)
    assert not job.folder.exists()
    with pytest.raises(NoSuchJobError):
        queue.job(job.id)


def test_uploads_that_a_kill_cut_short_are_swept_at_the_next_start(queue: Queue, submit: Submit, workers: Workers):
    job = submit("nothing")
    stray = queue.folder_of("0" * 32)
    stray.mkdir()
    (stray / "source.mp4").write_bytes(bytes(10))
    workers.start()
    wait_for(queue, job, State.DONE)
    assert [Path(place).name for place in (queue.folder / "jobs").iterdir()] == [job.id]
