"""Timings are noise; what must hold is the arithmetic, the order of work, and whose memory is counted."""

import time

import pytest
import torch

from stvsr.errors import SettingsError
from stvsr.evaluation.speed import alternate, bench, plain_convolution, render_round
from stvsr.inference.engine import Engine, RenderReport, RenderSettings
from stvsr.networks import NETWORKS

CPU = torch.device("cpu")


def test_network_and_ceiling_are_timed_in_turns_after_a_warm_up():
    calls: list[str] = []
    rounds = alternate(lambda: calls.append("ours"), lambda: calls.append("theirs"), rounds=2, device=CPU)
    assert calls == ["theirs", "ours", "theirs"] * 3
    assert len(rounds) == 2


def test_each_action_gets_its_own_seconds():
    ((ours, theirs),) = alternate(lambda: time.sleep(0.05), lambda: time.sleep(0.02), rounds=1, device=CPU)
    assert 0.05 <= ours < 0.5
    assert 0.02 <= theirs < 0.5


def test_the_ceiling_counts_its_multiply_accumulates():
    convolve, macs = plain_convolution(20, 16, CPU, torch.float32)
    with torch.utils.flop_counter.FlopCounterMode(display=False) as counter:
        convolve()
    assert macs == counter.get_total_flops() // 2


def test_a_network_of_two_frames_is_timed_pair_by_pair():
    network = NETWORKS["cycmunet-m2"](scale=2, width=8)
    engine = Engine(network, RenderSettings(device="cpu"), RenderReport())
    given: list[int] = []
    network.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].shape[1]))
    render_round(engine, torch.rand(4, 3, 16, 16))
    assert given == [2, 2, 2]


def test_a_bench_reports_the_machine_and_a_memory_that_is_the_networks_own():
    ballast = torch.ones(700 * 2**20 // 4)  # a process started from here inherits as much in ru_maxrss
    speed = bench("bicubic", width=32, height=16, settings=RenderSettings(device="cpu"))
    assert (speed.network, speed.size, speed.device, speed.precision) == ("bicubic", "32x16", "cpu", "fp32")
    assert 0 < speed.seconds_per_output_frame < 1
    assert 0 < speed.fraction_of_ceiling < 10
    assert speed.macs > 0
    assert speed.parameters == 0
    assert 50 * 2**20 < speed.peak_memory_bytes < ballast.nbytes
    assert 0.1 < speed.start_seconds < 60
    assert speed.versions["torch"] == torch.__version__


def test_a_size_too_small_to_time_is_refused():
    with pytest.raises(SettingsError, match=r"8x144.*at least 16x16"):
        bench("bicubic", width=8, height=144)
