"""The shipped counts, against counting again and against the papers."""

import pytest
import torch

from stvsr.networks import NETWORKS
from stvsr.weights.overview import count, counted, counted_scale

M, T = 1e6, 1e12

PAPERS = {
    "cycmunet-m2": (7.3 * M, 0.05 * M, None, None),
    "cycmunet-m4": (9.2 * M, 0.05 * M, None, None),
    "cycmunet": (11.1 * M, 0.05 * M, None, None),
    "cycmunet-m8": (13.0 * M, 0.05 * M, None, None),
    "cycmunet-m10": (14.9 * M, 0.05 * M, None, None),
    "stinet": (11.76 * M, 0.002 * 11.76 * M, None, None),
    "yogo-56": (9.5 * M, 0.01 * 9.5 * M, 1.148 * T, 0.02 * 1.148 * T),
    "yogo-64": (12.1 * M, 0.01 * 12.1 * M, 1.470 * T, 0.02 * 1.470 * T),
    "tp": (7.53 * M, 0.01 * 7.53 * M, None, None),
    "mbnet": (30.8 * M, 0.01 * 30.8 * M, None, None),
}
"""Parameters and multiply-accumulates as printed, each with how far off ours may be; None where nothing is printed.
CycMu-Net Table 1, STINet Table 1, YOGO Tables 1 and 4, TP Table 1, MBnet Table 2."""


@pytest.mark.parametrize("name", ["bicubic", "unison-s", "cycmunet-m2", "tp", "stinet", "mbnet", "yogo-56"])
def test_the_shipped_counts_are_what_counting_gives(name: str):
    assert counted()[name] == count(name)  # one size of each network: counting takes seconds


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_a_shipped_count(name: str):
    with torch.device("meta"):
        network = NETWORKS[name](scale=counted_scale(name))
    assert counted()[name].parameters_training == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("name", PAPERS)
def test_the_counts_are_the_papers(name: str):
    parameters, aside, macs, macs_aside = PAPERS[name]
    # the papers count what the trained network holds; YOGO's heads are for training only
    assert abs(counted()[name].parameters_training - parameters) <= aside
    if macs is not None:
        assert abs(counted()[name].macs - macs) <= macs_aside
