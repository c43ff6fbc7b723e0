"""The segments of one film on many machines."""

from stvsr.cluster.ray import Cluster

__all__ = ["Cluster"]
