"""Count every network once, for ``stvsr networks``, so that nobody waits for it: ``python benchmarks/costs.py``"""

import json
from dataclasses import asdict

from stvsr.networks import NETWORKS
from stvsr.weights.overview import COUNTED, count

if __name__ == "__main__":
    COUNTED.write_text(json.dumps({name: asdict(count(name)) for name in NETWORKS}, indent=1) + "\n")
