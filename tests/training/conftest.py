"""A network small enough to train in a test, on one shot that glides."""

import pytest

import stvsr.training.loop as loop
import stvsr.training.material as material
import stvsr.training.overfit as overfit
from made_training import RECIPE, made_source, tiny
from stvsr.training.recipe import Recipe
from stvsr.training.recipes import RECIPES
from stvsr.weights.catalog import CATALOG, Entry


@pytest.fixture
def tiny_recipe(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.setattr(material, "open_source", lambda _, **_options: made_source())
    monkeypatch.setattr(overfit, "open_source", lambda _, most_clips, **_options: made_source(most_clips))
    monkeypatch.setitem(loop.NETWORKS, "tiny", tiny)
    monkeypatch.setitem(CATALOG, "tiny", Entry(paper="", scales=(4,)))
    monkeypatch.setitem(RECIPES, "tiny", (lambda: RECIPE,))
    return RECIPE
