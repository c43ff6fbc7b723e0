"""Every test draws the same random numbers, whichever ran before it."""

import pytest
import torch


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    torch.manual_seed(0)
