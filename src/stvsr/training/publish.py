"""From a checkpoint to what users run: the averaged weights, and the card that says where they come from."""

import csv
import json
import os
import platform
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import torch

from stvsr.training.recipe import Recipe
from stvsr.weights.files import Weights, save_weights


def publish(checkpoint: Path, recipe: Recipe, data: Path, target: Path, machine: str, *, history: str = "") -> Path:
    """Write ``NETWORK-xSCALE.safetensors`` (fp16) and its card into the folder ``target``; return the weight file.

    history: what happened on the way that the recipe does not tell, in sentences.
    """
    facts = torch.load(checkpoint / "network.pt", weights_only=True, map_location="cpu")
    card = {
        "recipe": json.dumps(asdict(recipe), default=str),
        "steps": str(facts["step"]),
        "seconds": f"{facts['seconds']:.0f}",
        "machine": machine,
        "history": history or "one run by the recipe, from fresh weights",
        "software": f"torch {torch.__version__}, Python {platform.python_version()}",
    }
    file = target / f"{recipe.network}-x{recipe.scale}.safetensors"
    save_weights(
        file,
        Weights(network=recipe.network, scale=recipe.scale, config=recipe.config, card=card, tensors=facts["average"]),
        half=True,
    )
    file.with_suffix(".md").write_text(card_page(recipe, card, data))
    return file


def describe_machine(device: torch.device) -> str:
    """The processor or card that trains, for the card."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{model}, {torch.get_num_threads()} of {os.cpu_count()} cores"


def card_page(recipe: Recipe, card: dict[str, str], data: Path) -> str:
    """The card: what it is, where it comes from, what it can do (the last part is filled in by `make results`)."""
    table_path, clips = data / "footage.csv", []
    if table_path.exists():  # the standard sets are known by their name
        with table_path.open(newline="") as table:
            clips = list(csv.DictReader(table))
    seen = [row for row in clips if not row["file"].removeprefix("train/").startswith(recipe.held_out)]
    sources = sorted(Counter((row.get("source", ""), row.get("licence", "")) for row in seen).items())
    listing = "\n".join(f"| {source} | {licence} | {count} |" for (source, licence), count in sources)
    return f"""# {recipe.network} x{recipe.scale}

Trained by `stvsr train` from footage under licences that allow training and publishing weights; the averaged (EMA)
weights, stored as fp16. Licence of the weights: Apache-2.0.

| | |
|---|---|
| steps | {card["steps"]} of {recipe.steps}, batch {recipe.batch}, input crops {recipe.crop} x {recipe.crop} |
| time | {float(card["seconds"]) / 60:.0f} minutes |
| machine | {card["machine"]} |
| history | {card["history"]} |
| software | {card["software"]} |
| degradation | MATLAB bicubic 1/{recipe.scale}, 8-bit: for clean small video, not heavy compression |
| never seen in training | {", ".join(recipe.held_out)}; every evaluation set |

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
