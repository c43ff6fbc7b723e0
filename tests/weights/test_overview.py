"""The shipped counts, against counting again. The papers' counts are in tests/networks."""

import pytest
import torch

from stvsr.networks import NETWORKS
from stvsr.weights.overview import count, counted, untrained


@pytest.mark.parametrize("name", ["bicubic", "unison-s", "cycmunet-m2", "tp", "stinet", "mbnet"])
def test_the_shipped_counts_are_what_counting_gives(name: str):
    assert counted()[name] == count(name)  # one size of each network: counting takes seconds


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_a_shipped_count(name: str):
    with torch.device("meta"):
        network = untrained(name)
    assert counted()[name].parameters_training == sum(parameter.numel() for parameter in network.parameters())
