"""Every row of the papers' ablation tables can be built as its page in docs/networks says."""

import re
from pathlib import Path

import pytest
import torch

import stvsr.training.losses as losses
from stvsr.networks import NETWORKS, Network

PAGES = Path(__file__).parents[2] / "docs" / "networks"
KNOWN = {"NETWORKS": NETWORKS} | {name: getattr(losses, name) for name in losses.__all__}


def rows() -> list[str]:
    """Python expressions between backticks that build a network or a loss."""
    text = "\n".join(page.read_text() for page in sorted(PAGES.glob("*.md")))
    return sorted(set(re.findall(r"`((?:NETWORKS\[|\w+Loss\()[^`]+)`", text)))


@pytest.mark.parametrize("expression", rows())
def test_the_row_can_be_built(expression: str):
    with torch.device("meta"):
        built = eval(expression, dict(KNOWN))
    assert isinstance(built, Network | losses.Loss)


def test_every_paper_has_a_page_with_such_rows():
    for name in ("cycmunet", "mbnet", "stinet", "temporal_profile", "yogo"):
        assert "`NETWORKS[" in (PAGES / f"{name}.md").read_text(), name
