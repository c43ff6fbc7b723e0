"""Which networks there are to use, at which scales, and which weights come with the package: one dict."""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from stvsr.errors import SettingsError, WeightsError
from stvsr.networks import NETWORKS, Network
from stvsr.weights.files import Weights, load_weights

FOLDER = Path(__file__).parent / "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Facts about a network that it cannot know itself."""

    paper: str
    scales: tuple[int, ...]
    needs_weights: bool = True
    everyday: bool = False
    """Shown without being asked for, where networks are compared on somebody's film."""


CATALOG: dict[str, Entry] = {
    "bicubic": Entry(
        paper="Keys, Cubic Convolution Interpolation, 1981; linear in time",
        scales=(1, 2, 3, 4, 5, 6, 7, 8),
        needs_weights=False,
        everyday=True,
    ),
    "unison-s": Entry(paper="ours: docs/unison.md", scales=(1, 2, 4), everyday=True),
    "unison-s-real": Entry(paper="ours, for damaged films: docs/unison.md", scales=(1, 2, 4), everyday=True),
    "unison-m": Entry(paper="ours: docs/unison.md", scales=(1, 2, 4)),  # better than unison-s, and three times slower
    **{
        name: Entry(paper="CycMu-Net, CVPR 2022: docs/networks/cycmunet.md", scales=(1, 2, 4, 8))
        for name in ("cycmunet", "cycmunet-m2", "cycmunet-m4", "cycmunet-m8", "cycmunet-m10", "cycmunet-m2-24")
    },
    **{
        name: Entry(paper="Temporal Profiles, MM 2020: docs/networks/temporal_profile.md", scales=(2, 4, 8))
        for name in ("tp", "tp-24")
    },
    **{
        name: Entry(paper="STINet, 2022: docs/networks/stinet.md", scales=(2, 4, 8)) for name in ("stinet", "stinet-16")
    },
    "mbnet": Entry(paper="MBnet, MM 2021: docs/networks/mbnet.md", scales=(2, 4)),
    "mbnet-d16": Entry(paper="MBnet, MM 2021: docs/networks/mbnet.md", scales=(2, 4, 8)),
    "mbnet-32": Entry(paper="MBnet, MM 2021: docs/networks/mbnet.md", scales=(2, 4)),
    **{
        name: Entry(paper="YOGO, MM 2022: docs/networks/yogo.md", scales=(2, 4))
        for name in ("yogo-64", "yogo-56", "yogo-24")
    },
}


UNTRAINED = "{name} has no trained weights here: the weights are RANDOM. The result only shows that it runs."
"""What a user must be told where fresh weights are handed out."""


def load_network(name: str, scale: int = 4, *, allow_untrained: bool = False, weights: Path | None = None) -> Network:
    """Build a network and fill it with trained weights, ready to render (eval mode, fp32, CPU).

    name: one of ``NETWORKS``. weights: a file of your own instead of the one that comes with the package.
    allow_untrained: hand out fresh random weights where no trained ones exist; the caller must say so aloud.
    Raises SettingsError for an unknown name or scale, WeightsError where no (fitting) trained weights exist.
    """
    entry = entry_of(name)
    if weights is not None:
        return network_of(load_weights(weights), weights, name, scale)
    if scale not in entry.scales:
        raise SettingsError(f"{name} enlarges by {listed(entry.scales)}, not by {scale}. Choose one of these scales.")
    if not entry.needs_weights:
        return NETWORKS[name](scale=scale).eval()
    file = file_for(name, scale)
    if file is not None:
        return network_of(load_weights(file), file, name, scale)
    if allow_untrained:
        return NETWORKS[name](scale=scale).eval()
    ready = ", ".join(f"{other} x{listed(ready_scales(other))}" for other in NETWORKS if ready_scales(other))
    raise WeightsError(
        f"There are no trained weights for {name} x{scale} in this installation. Ready to use: {ready}. "
        f"Train your own with `stvsr train` and name the file with --weights; --allow-untrained takes random weights."
    )


def ready_scales(name: str) -> tuple[int, ...]:
    """The scales at which a network can be used now: those with weights, or all where none are needed."""
    entry = entry_of(name)
    return tuple(scale for scale in entry.scales if not entry.needs_weights or file_for(name, scale) is not None)


def everyday_networks() -> tuple[str, ...]:
    """Those to compare on a film unless others are named: ready, and made for films."""
    return tuple(name for name in NETWORKS if entry_of(name).everyday and ready_scales(name))


def file_for(name: str, scale: int) -> Path | None:
    """The file that fills this network, if any: its own, or at scale 1 that of the largest scale, because a network
    for time alone is a part of the one that enlarges."""
    scales = sorted(entry_of(name).scales, reverse=True) if scale == 1 else (scale,)
    return next((file_of(name, other) for other in scales if has_weights(name, other)), None)


def has_weights(name: str, scale: int) -> bool:
    """True where there are trained weights for this network and scale."""
    return file_of(name, scale).is_file()


def file_of(name: str, scale: int) -> Path:
    """Where these weights lie: those that the user imported, else where the package keeps its own; their card lies
    beside, same name, ``.md``."""
    own = own_file_of(name, scale)
    return own if own.is_file() else FOLDER / own.name


def own_file_of(name: str, scale: int) -> Path:
    """Where imported weights lie."""
    folder = os.environ.get("STVSR_WEIGHTS") or "~/.local/share/stvsr/weights"
    return Path(folder).expanduser() / f"{name}-x{scale}.safetensors"


def entry_of(name: str) -> Entry:
    if name not in NETWORKS or name not in CATALOG:
        raise SettingsError(f"There is no network called {name!r}. Choose one of: {', '.join(NETWORKS)}.")
    return CATALOG[name]


def network_of(held: Weights, path: Path, name: str, scale: int) -> Network:
    """The network that a weight file describes, if it is the one that was asked for."""
    if held.network != name or (held.scale != scale and scale != 1):
        raise WeightsError(
            f"{path} holds {held.network} x{held.scale}, but {name} x{scale} was asked for. "
            f"Ask for --network {held.network} --scale {held.scale}, or give another file."
        )
    network = NETWORKS[name](scale=scale, **held.config)
    if held.scale != scale:  # time alone
        own = network.state_dict().keys()
        held = replace(held, tensors={key: tensor for key, tensor in held.tensors.items() if key in own})
    problems = mismatches(network, held)
    if problems:
        raise WeightsError(
            f"{path} does not fit this version of {name}: {problems[0]}"
            f"{f' (and {len(problems) - 1} more)' if len(problems) > 1 else ''}. Train it anew, or install the "
            f"version of stvsr that wrote it."
        )
    network.load_state_dict(held.tensors)
    return network.eval()


def mismatches(network: nn.Module, held: Weights) -> list[str]:
    wanted = {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}
    found = {key: tuple(tensor.shape) for key, tensor in held.tensors.items()}
    return [
        f"{key} has shape {found.get(key, 'nothing')} where {wanted.get(key, 'nothing')} is expected"
        for key in sorted(wanted.keys() | found.keys())
        if wanted.get(key) != found.get(key)
    ]


def listed(scales: tuple[int, ...]) -> str:
    return ", ".join(str(scale) for scale in scales)
