"""What each network is, what it costs, and whether it is ready to use: the table of ``stvsr networks``."""

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import torch

from stvsr.networks import NETWORKS, Network
from stvsr.networks.cost import Cost, cost
from stvsr.weights.catalog import entry_of, file_of, has_weights
from stvsr.weights.files import load_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedFile:
    """Trained weights that come with the package."""

    scale: int
    file: str
    bytes: int
    card: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One row of the table; the costs are those of four 180x144 frames becoming seven, at the largest scale up to 4."""

    name: str
    paper: str
    parameters: int
    parameters_training: int
    macs: int
    macs_with_deformable: int
    scales: tuple[int, ...]
    instants: str
    """``any``, or the step in input frames, such as ``1/2``."""
    weights: tuple[ShippedFile, ...] | None
    """None where none are needed; empty where none were trained yet."""


def overview(name: str) -> Overview:
    """Raises SettingsError for an unknown name, WeightsError where a shipped file is damaged."""
    entry = entry_of(name)
    with torch.device("meta"):  # the facts are wanted, not the weights
        step = NETWORKS[name](scale=counted_scale(name)).spec.step
    return Overview(
        name=name,
        paper=entry.paper,
        **asdict(counted().get(name) or count(name)),
        scales=entry.scales,
        instants="any" if step is None else str(step),
        weights=tuple(shipped(name, scale) for scale in entry.scales if has_weights(name, scale))
        if entry.needs_weights
        else None,
    )


def counted_scale(name: str) -> int:
    """The largest scale up to 4: the papers' own."""
    return max(scale for scale in entry_of(name).scales if scale <= 4)


def count(name: str) -> Cost:
    """Count a network: seconds, since the larger ones launch thousands of operations."""
    return cost(untrained(name))


def untrained(name: str) -> Network:
    """A network as its weights have it, with fresh ones, at the scale at which it is counted."""
    scale = counted_scale(name)
    config = load_weights(file_of(name, scale)).config if has_weights(name, scale) else {}
    return NETWORKS[name](scale=scale, **config)


COUNTED = Path(__file__).parent / "costs.json"
"""What ``count`` gave for every network, so that nobody waits for it; ``benchmarks/costs.py`` writes it."""


@cache
def counted() -> dict[str, Cost]:
    return {name: Cost(**numbers) for name, numbers in json.loads(COUNTED.read_text()).items()}


def shipped(name: str, scale: int) -> ShippedFile:
    path = file_of(name, scale)
    return ShippedFile(scale=scale, file=path.name, bytes=path.stat().st_size, card=load_weights(path).card)
