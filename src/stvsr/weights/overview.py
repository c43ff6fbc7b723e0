"""What each network is, what it costs, and whether it is ready to use: the table of ``stvsr networks``."""

from dataclasses import asdict, dataclass

from stvsr.networks import NETWORKS
from stvsr.networks.cost import cost
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
    network = NETWORKS[name](scale=max(scale for scale in entry.scales if scale <= 4))
    step = network.spec.step
    return Overview(
        name=name,
        paper=entry.paper,
        **asdict(cost(network)),
        scales=entry.scales,
        instants="any" if step is None else str(step),
        weights=tuple(shipped(name, scale) for scale in entry.scales if has_weights(name, scale))
        if entry.needs_weights
        else None,
    )


def shipped(name: str, scale: int) -> ShippedFile:
    path = file_of(name, scale)
    return ShippedFile(scale=scale, file=path.name, bytes=path.stat().st_size, card=load_weights(path).card)
