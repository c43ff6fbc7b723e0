"""What makes a job this job and no other: the source, the settings, the weights, and the programs that computed."""

import hashlib
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from stvsr.jobs.journal import identity
from stvsr.jobs.plan import EnhanceSettings, Plan
from stvsr.weights.catalog import file_for

PROGRAMS = ("stvsr", "torch", "av")


def charter(source: Path, settings: EnhanceSettings, plan: Plan) -> dict[str, Any]:
    """As JSON keeps it. A job only goes on where all of it is the same; source and target may move together."""
    asked = {name: value for name, value in asdict(settings).items() if name not in ("render", "overwrite")}
    facts = {
        "source": identity(source),
        "target": {"name": plan.target.resolve().name, "is_folder": plan.is_folder},
        "settings": asked | {"network": plan.network, "network_scale": plan.network_scale},
        "render": asdict(plan.render),
        "weights": {"sha256": weights_hash(settings, plan)},
        "versions": {name: version(name) for name in PROGRAMS} | {"python": platform.python_version()},
    }
    return json.loads(json.dumps(facts, default=str))


def weights_hash(settings: EnhanceSettings, plan: Plan) -> str | None:
    """SHA-256 of the weight file; None where the network has none, or random ones."""
    file = settings.weights or file_for(plan.network, plan.network_scale)
    return None if file is None else hashlib.sha256(file.read_bytes()).hexdigest()
