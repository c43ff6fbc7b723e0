"""What a run leaves on disk to be gone on with: tensors and plain values only, whole at any moment."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from stvsr.errors import TrainingError
from stvsr.networks import Network
from stvsr.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has taken so far, over all its sessions."""

    step: int = 0
    seconds: float = 0.0
    """From beginning to end, preparation included."""
    cpu_seconds: float = 0.0
    """Processor time of the first process, from its first step on."""


class Checkpoint:
    """A folder with the network and its average, and with the optimiser's state, as tensors and plain values only."""

    def __init__(self, out: Path, recipe: Recipe) -> None:
        self.folder = out / "checkpoint"
        self.recipe = recipe
        self.written = json.dumps(asdict(recipe), default=str)

    def save(
        self,
        network: Network,
        average: Network,
        optimiser: torch.optim.Optimizer,
        spent: Spent,
        seen: dict[str, Any],
    ) -> None:
        """Write beside the old checkpoint, then swap: a kill at any moment leaves one that is whole.
        seen: what it was trained on, for the card."""
        fresh = self.folder.with_name("checkpoint.new")
        fresh.mkdir(parents=True, exist_ok=True)
        facts = {"recipe": self.written, **asdict(spent), "seen": seen}
        torch.save(facts | {"network": network.state_dict(), "average": average.state_dict()}, fresh / "network.pt")
        torch.save({"state": optimiser.state_dict()["state"]}, fresh / "optimiser.pt")
        old = self.folder.with_name("checkpoint.old")
        if self.folder.exists():
            self.folder.rename(old)
        fresh.rename(self.folder)
        for file in old.glob("*"):
            file.unlink()
        if old.exists():
            old.rmdir()

    def spent(self) -> Spent:
        """What the run has taken so far. Raises TrainingError where another recipe ran."""
        folder = self.place()
        facts = {} if folder is None else self.facts(folder)
        return Spent(**{entry.name: facts[entry.name] for entry in fields(Spent) if facts})

    def newest(self) -> dict[str, Any]:
        """All that the newest checkpoint holds, but for the optimiser's state. Raises as ``spent``."""
        folder = self.place()
        assert folder is not None
        return self.facts(folder)

    def place(self) -> Path | None:
        """Where the newest whole checkpoint lies."""
        places = (self.folder, self.folder.with_name("checkpoint.old"))
        return next((place for place in places if place.exists()), None)

    def facts(self, folder: Path) -> dict[str, Any]:
        facts = torch.load(folder / "network.pt", weights_only=True, map_location="cpu")
        if facts["recipe"] != self.written:
            raise TrainingError(
                f"The checkpoint in {folder} was written by another recipe. Use a fresh --out, or the same settings."
            )
        return facts

    def load(self, network: Network, average: Network, optimiser: torch.optim.Optimizer) -> Spent:
        """Restore, and return what was spent so far; nothing where there is no checkpoint yet."""
        folder = self.place()
        if folder is None:
            return Spent()
        facts = self.facts(folder)
        network.load_state_dict(facts["network"])
        average.load_state_dict(facts["average"])
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict(
            {
                "state": torch.load(folder / "optimiser.pt", weights_only=True, map_location="cpu")["state"],
                "param_groups": groups,
            }
        )
        return Spent(facts["step"], facts["seconds"], facts["cpu_seconds"])
