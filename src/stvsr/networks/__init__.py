"""The registry is this one dict. Each entry builds a network with fresh weights: ``NETWORKS["unison-s"](scale=4)``."""

from collections.abc import Callable

from stvsr.networks.base import Network, Spec, TrainingOutput
from stvsr.networks.bicubic import Bicubic
from stvsr.networks.cycmunet import cycmunet, cycmunet_m2, cycmunet_m2_24, cycmunet_m4, cycmunet_m8, cycmunet_m10
from stvsr.networks.mbnet import mbnet, mbnet_32, mbnet_d16
from stvsr.networks.stinet import stinet, stinet_16
from stvsr.networks.temporal_profile import tp, tp_24
from stvsr.networks.unison import unison_m, unison_s
from stvsr.networks.yogo import yogo_24, yogo_56, yogo_64

NETWORKS: dict[str, Callable[..., Network]] = {
    "bicubic": Bicubic,
    "unison-s": unison_s,
    "unison-s-real": unison_s,  # for films with blur, noise and compression: other weights
    "unison-m": unison_m,
    "cycmunet": cycmunet,
    "cycmunet-m2": cycmunet_m2,
    "cycmunet-m4": cycmunet_m4,
    "cycmunet-m8": cycmunet_m8,
    "cycmunet-m10": cycmunet_m10,
    "cycmunet-m2-24": cycmunet_m2_24,
    "tp": tp,
    "tp-24": tp_24,
    "stinet": stinet,
    "stinet-16": stinet_16,
    "mbnet": mbnet,
    "mbnet-d16": mbnet_d16,
    "mbnet-32": mbnet_32,
    "yogo-64": yogo_64,
    "yogo-56": yogo_56,
    "yogo-24": yogo_24,
}

__all__ = ["NETWORKS", "Network", "Spec", "TrainingOutput"]
