"""What a program needs: load a network, enhance a film, measure a network. The command line stands on this."""

from stvsr.evaluation.measure import evaluate_suite as evaluate
from stvsr.jobs.run import enhance
from stvsr.weights.catalog import load_network as load

__all__ = ["enhance", "evaluate", "load"]
