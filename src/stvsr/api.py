"""What a program needs: load a network, enhance a film or pictures, measure a network. The command line stands on
this."""

from stvsr.evaluation.measure import evaluate_suite as evaluate
from stvsr.inference.pictures import enhance_frames
from stvsr.jobs.run import enhance
from stvsr.weights.catalog import load_network as load

__all__ = ["enhance", "enhance_frames", "evaluate", "load"]
