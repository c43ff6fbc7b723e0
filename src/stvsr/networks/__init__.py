"""The registry is this one dict. Each entry builds a network with fresh weights: ``NETWORKS["unison-s"](scale=4)``."""

from collections.abc import Callable

from stvsr.networks.base import Network, Spec, TrainingOutput
from stvsr.networks.bicubic import Bicubic

NETWORKS: dict[str, Callable[..., Network]] = {
    "bicubic": Bicubic,
}

__all__ = ["NETWORKS", "Network", "Spec", "TrainingOutput"]
