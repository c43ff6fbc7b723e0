"""A network small enough to train in a test, on one shot that glides."""

from dataclasses import replace

import pytest
import torch

import stvsr.training.loop as loop
import stvsr.training.overfit as overfit
from stvsr.data.footage import Shot
from stvsr.data.memory import ShotSource
from stvsr.data.sampler import Cadence
from stvsr.networks.unison import Unison, UnisonConfig
from stvsr.ops.resize import resize
from stvsr.training.recipe import Optimiser, Recipe
from stvsr.training.recipes import RECIPES
from stvsr.weights.catalog import CATALOG, Entry

TINY = UnisonConfig(width=8, encoder_blocks=1, backward_blocks=1, forward_blocks=1, flow_width=8)
RECIPE = Recipe(
    network="tiny",
    scale=4,
    steps=6,
    batch=2,
    crop=16,
    precision="32-true",
    cadences=(Cadence(keys=3, factor=2, probability=1.0),),
    optimiser=Optimiser(warmup=2),
    held_out=("held",),
)


@pytest.fixture
def tiny_recipe(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    torch.manual_seed(0)
    large = resize(torch.rand(1, 3, 40, 80), 4).clamp(0, 1).mul(255).byte()
    frames = torch.cat([large[..., 16:144, 100 - 4 * i : 228 - 4 * i] for i in range(12)])
    shots = [Shot(name=name, frames=frames, share=1.0) for name in ("kept", "held")]
    monkeypatch.setattr(loop, "open_source", lambda _, **_options: ShotSource(clips=shots))
    monkeypatch.setattr(overfit, "open_source", lambda _, most_clips, **_options: ShotSource(clips=shots[:most_clips]))
    monkeypatch.setitem(loop.NETWORKS, "tiny", lambda scale, **config: Unison(replace(TINY, scale=scale, **config)))
    monkeypatch.setitem(CATALOG, "tiny", Entry(paper="", scales=(4,)))
    monkeypatch.setitem(RECIPES, "tiny", (lambda: RECIPE,))
    return RECIPE
