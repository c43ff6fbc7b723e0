"""Segments as tasks of Ray: one film on as many machines as there are, and the same film as on one.

A segment depends on nothing but the source, the plan and the weights, so it may be rendered anywhere, in any order, and
again where a machine was lost. The journal stays the only truth: the machine that was asked keeps the job's lock,
hands out what is missing, and joins. All machines must see the source and the target's folder under the same path.
"""

import pickle
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache

import torch

from stvsr.errors import InputError, SettingsError
from stvsr.inference import Engine
from stvsr.jobs.journal import Job
from stvsr.jobs.render import make_engine, render_segment

AUTO = "auto"
PATIENCE = 10
"""Seconds to wait for a cluster's head."""
MISSING = "Rendering on many machines needs Ray. Install it: pip install 'stvsr[cluster]'."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A crew for ``stvsr.jobs.run.enhance``: renders a job's segments on a Ray cluster.

    Raises SettingsError where Ray is not installed or no cluster answers, InputError where a machine of it does not
    see the files, and whatever rendering raises.
    """

    address: str = AUTO
    """HOST:PORT of the cluster's head; "auto": the cluster that this machine belongs to, else this machine alone."""
    processors: int = 2
    """Of each task. With GPUs in the cluster, a task takes one of those too."""
    report: Callable[[str], None] = lambda _: None
    """Told in a sentence when a segment is finished, and by whom."""

    def __call__(self, job: Job, pending: Sequence[int], frames_out: Callable[[int], None]) -> None:
        with connected(self.address) as ray:
            there = ray.cluster_resources()
            gpus = 1 if there.get("GPU") else 0
            if there.get("CPU", 0) < self.processors:
                raise SettingsError(
                    f"A task takes {self.processors} processors, but no machine of the cluster can have more than its "
                    f"{there.get('CPU', 0):.0f}. Ask for fewer."
                )
            # a machine that is lost takes no film with it: its segments are done elsewhere
            task = ray.remote(num_cpus=self.processors, num_gpus=gpus, max_retries=-1)(render_one)
            packed = ray.put(pickle.dumps(job))
            running = {task.remote(packed, index, self.processors): index for index in pending}
            by_worker: Counter[str] = Counter()
            while running:
                for done in ray.wait(list(running), num_returns=1)[0]:
                    worker, index = ray.get(done), running.pop(done)
                    by_worker[worker] += 1
                    share = f"{by_worker[worker]} of {by_worker.total()} finished ones"
                    self.report(f"segment {index + 1} of {len(job.segments)} by {worker} ({share})")
                    frames_out(job.segments[index].frames_out)


@contextmanager
def connected(address: str) -> Iterator:
    """Ray, joined to the cluster, until the end of the block."""
    try:
        import ray
    except ImportError as error:
        raise SettingsError(MISSING) from error
    own = not ray.is_initialized()
    if own:
        if address != AUTO:
            need_answer(address)
        try:
            ray.init(address=address, log_to_driver=False)
        except ConnectionError:  # this machine belongs to no cluster
            ray.init(include_dashboard=False, log_to_driver=False)
    with redirect_stdout(sys.stderr):  # Ray tells there of machines that are lost; stdout is for results
        try:
            yield ray
        finally:
            if own:
                ray.shutdown()


def need_answer(address: str) -> None:
    """Knock before Ray does, which takes minutes to find nobody at home."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise SettingsError(
            f"No Ray cluster answers at {address}. Start one there with `ray start --head`, and give --cluster its "
            f"HOST:PORT, or auto."
        ) from error


def render_one(packed: bytes, index: int, processors: int) -> str:
    """A task: render a segment here. Returns which machine and process this is."""
    torch.set_num_threads(processors)
    job, engine = unpacked(packed)
    for path in (job.source, job.folder):
        if not path.exists():
            raise InputError(
                f"{socket.gethostname()} does not see {path}. Put the source and the target's folder on storage that "
                f"every machine of the cluster has under the same path."
            )
    render_segment(job, index, engine)
    import ray

    return f"{socket.gethostname()}/{ray.get_runtime_context().get_node_id()[:6]}"


@lru_cache(maxsize=1)
def unpacked(packed: bytes) -> tuple[Job, Engine]:
    """The job and its network, built once for all segments that this process renders."""
    job: Job = pickle.loads(packed)
    return job, make_engine(job)
