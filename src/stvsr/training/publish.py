"""From a checkpoint to what users run: the averaged weights, and the card that says where they come from."""

import json
import os
import platform
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import torch

from stvsr.networks import NETWORKS, Network
from stvsr.training.checkpoint import Checkpoint
from stvsr.training.recipe import Recipe
from stvsr.weights.files import Weights, save_weights


def publish(checkpoint: Checkpoint, target: Path, machine: str, *, history: str = "") -> Path:
    """Write ``NETWORK-xSCALE.safetensors`` (fp16) and its card into the folder ``target``; return the weight file.

    history: what happened on the way that the recipe does not tell, in sentences.
    """
    recipe, facts = checkpoint.recipe, checkpoint.newest()
    seen = facts["seen"]
    card = {
        "recipe": json.dumps(asdict(recipe), default=str),
        "steps": str(facts["step"]),
        "seconds": f"{facts['seconds']:.0f}",
        "machine": machine,
        "history": history or "one run by the recipe, from fresh weights",
        "flow_teacher": seen["teacher"],
        "software": f"torch {torch.__version__}, Python {platform.python_version()}",
    }
    with torch.device("meta"):
        network = NETWORKS[recipe.network](scale=recipe.scale, **recipe.config)
    file = target / f"{recipe.network}-x{recipe.scale}.safetensors"
    save_weights(
        file,
        Weights(
            network=recipe.network, scale=recipe.scale, config=built_as(network), card=card, tensors=facts["average"]
        ),
        half=True,
    )
    file.with_suffix(".md").write_text(card_page(recipe, card, seen))
    return file


def built_as(network: Network) -> dict[str, Any]:
    """What its builder is given beside the scale, defaults included: they may change, the file stays."""
    config = getattr(network, "config", None)
    if not is_dataclass(config) or isinstance(config, type):
        return {}
    return {name: value for name, value in asdict(config).items() if name != "scale"}


INPUT = {
    "bicubic": "MATLAB bicubic 1/{}, 8-bit: for clean small video, not heavy compression",
    "real-world": "1/{} with blur, noise, dirt and compression",
}


def describe_machine(device: torch.device) -> str:
    """The processor or card that trains, for the card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {torch.get_num_threads()} of {os.cpu_count()} cores"


def card_page(recipe: Recipe, card: dict[str, str], seen: dict[str, Any]) -> str:
    """The card: what it is, where it comes from, what it can do (the last part is filled in by `make results`)."""
    listing = "\n".join(f"| {source} | {licence} | {count} |" for source, licence, count in seen["origins"])
    return f"""# {recipe.network} x{recipe.scale}

Trained by `stvsr train` from the data below; the averaged (EMA) weights, stored as fp16.

| | |
|---|---|
| steps | {card["steps"]} of {recipe.steps}, batch {recipe.batch}, input crops {recipe.crop} x {recipe.crop} |
| time | {float(card["seconds"]) / 60:.0f} minutes |
| machine | {card["machine"]} |
| history | {card["history"]} |
| software | {card["software"]} |
| degradation | {INPUT[recipe.degradation].format(recipe.scale)} |
| teacher of the flow | {card["flow_teacher"]} |
| never seen in training | {", ".join(seen["held_out"]) or "nothing of it was held out"} |

The whole recipe, as the file's header holds it:

```json
{json.dumps(json.loads(card["recipe"]), indent=1)}
```

## Measured

<!-- results -->
<!-- /results -->

## Data

| source | licence | clips |
|---|---|---|
{listing}
"""
