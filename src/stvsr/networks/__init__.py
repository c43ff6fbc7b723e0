"""The registry is this one dict. Each entry builds a network with fresh weights: ``NETWORKS["unison-s"](scale=4)``."""

from collections.abc import Callable

from stvsr.networks.base import Network, Spec, TrainingOutput
from stvsr.networks.bicubic import Bicubic
from stvsr.networks.unison import unison_m, unison_s

NETWORKS: dict[str, Callable[..., Network]] = {
    "bicubic": Bicubic,
    "unison-s": unison_s,
    "unison-m": unison_m,
}

__all__ = ["NETWORKS", "Network", "Spec", "TrainingOutput"]
