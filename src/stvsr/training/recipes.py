"""The recipes: functions that return what a run is. Which stages a training has is one dict, RECIPES."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from stvsr.data.sampler import Cadence
from stvsr.errors import SettingsError, WeightsError
from stvsr.training import papers
from stvsr.training.losses import CycMuLoss, Loss, MBLoss, StinetLoss, TPLoss, UnisonLoss, YogoLoss
from stvsr.training.recipe import Cosine, Optimiser, Recipe, with_settings
from stvsr.weights.files import load_weights

ANY_INSTANT = (Cadence(keys=4, factor=2, probability=0.88), Cadence(keys=3, factor=4, probability=0.12))
"""Mostly midpoints, as the field measures; quarters often enough that any instant is served."""


def unison_s(stage: int) -> Recipe:
    """``unison-s`` at x4 on two processor cores (``--processes 2``).

    1: half of it moving stills, half of the steps along the known flow. 2: mostly films, along its own.
    """
    common = Recipe(  # crops as large as films of 240 rows can serve
        network="unison-s", scale=4, steps=2_500, batch=4, crop=48, precision="32-true", cadences=ANY_INSTANT
    )
    rate = Optimiser(lr=1.3e-3, warmup=50, ema=0.998, decay=Cosine(lr_end=4e-4))
    if stage == 1:
        losses = UnisonLoss(epsilon=0.05, flow_start=0.05, flow_end=0.03)
        return replace(common, stills=0.5, known_flow=0.5, optimiser=rate, losses=losses)
    return replace(
        common,
        steps=2_000,
        stills=0.3,
        optimiser=replace(rate, lr=4e-4, warmup=1, decay=Cosine()),
        losses=UnisonLoss(epsilon=0.05, flow_start=0.03, flow_end=0.01),
    )


def unison_s_real() -> Recipe:
    """``unison-s-real``, from ``unison-s`` on (``--initial``): the same films, blurred, noisy and compressed."""
    clean = unison_s(2)
    return replace(
        clean,
        network="unison-s-real",
        steps=3_800,
        degradation="real-world",
        optimiser=replace(clean.optimiser, lr=8e-4, warmup=50),
        # epsilon: what noise leaves undecided would else be blurred twice
        losses=UnisonLoss(epsilon=0.01, flow_start=0.03, flow_end=0.01),
    )


def unison_s_x2() -> Recipe:
    """``unison-s`` at x2, from x4 on (``--initial``), in minutes on two processor cores (``--processes 2``)."""
    large = unison_s(2)
    return replace(
        large,
        scale=2,
        steps=650,
        precision="bf16-mixed",
        seed=5,
        optimiser=replace(large.optimiser, lr=6e-4, warmup=30, ema=0.99),
        losses=UnisonLoss(epsilon=0.05, flow_start=0.02, flow_end=0.01),
    )


def unison_m() -> Recipe:
    """``unison-m`` at x4, for a graphics processor."""
    return Recipe(
        network="unison-m", scale=4, steps=60_000, batch=16, crop=64, cadences=ANY_INSTANT, optimiser=Optimiser(lr=8e-4)
    )


def on_footage(network: str, losses: Loss, *, keys: int, flow: bool = False) -> Recipe:
    """One of the five networks on footage of one's own, for an hour on a graphics processor."""
    return Recipe(
        network=network,
        scale=4,
        steps=20_000,
        batch=8,
        crop=32,
        cadences=(Cadence(keys=keys, factor=2, probability=1.0),),
        optimiser=Optimiser(lr=4e-4),
        flow=flow,
        losses=losses,
    )


def cycmunet() -> Recipe:
    return on_footage("cycmunet", CycMuLoss(), keys=2)


def tp() -> Recipe:
    return on_footage("tp", TPLoss(), keys=4)


def stinet() -> Recipe:
    return on_footage("stinet", StinetLoss(), keys=4)


def mbnet() -> Recipe:
    return on_footage("mbnet", MBLoss(), keys=2, flow=True)


def yogo_64() -> Recipe:
    return on_footage("yogo-64", YogoLoss(), keys=4)


def small(network: str, losses: Loss, *, steps: int, keys: int, flow: bool = False) -> Recipe:
    """One of the small versions of the five networks, for half an hour on one processor core."""
    return replace(
        on_footage(network, losses, keys=keys, flow=flow),
        steps=steps,
        batch=2,
        stills=0.5,
        precision="32-true",
        optimiser=Optimiser(lr=1e-3, warmup=50, ema=0.99),
    )


def cycmunet_m2_24() -> Recipe:
    return small("cycmunet-m2-24", CycMuLoss(), steps=1_600, keys=2)


def tp_24() -> Recipe:
    return small("tp-24", TPLoss(), steps=700, keys=4)


def stinet_16() -> Recipe:
    """Without the motion consistency loss: it finds the flow between any two frames at each step."""
    return small("stinet-16", StinetLoss(motion=0.0), steps=1_300, keys=4)


def mbnet_32() -> Recipe:
    return small("mbnet-32", MBLoss(), steps=900, keys=2, flow=True)


def yogo_24() -> Recipe:
    return small("yogo-24", YogoLoss(), steps=400, keys=4)


RECIPES: dict[str, tuple[Callable[[], Recipe], ...]] = {
    "unison_s": tuple(partial(unison_s, stage) for stage in (1, 2)),
    "unison_s_real": (unison_s_real,),
    "unison_s_x2": (unison_s_x2,),
    "unison_m": (unison_m,),
    "cycmunet": (cycmunet,),
    "tp": (tp,),
    "stinet": (stinet,),
    "mbnet": (mbnet,),
    "yogo_64": (yogo_64,),
    "cycmunet_m2_24": (cycmunet_m2_24,),
    "tp_24": (tp_24,),
    "stinet_16": (stinet_16,),
    "mbnet_32": (mbnet_32,),
    "yogo_24": (yogo_24,),
    "cycmunet_paper": (papers.cycmunet_paper,),
    "tp_paper": tuple(partial(papers.tp_paper, stage) for stage in (1, 2, 3)),
    "stinet_paper": (papers.stinet_paper,),
    "stinet_frozen_paper": tuple(partial(papers.stinet_frozen_paper, stage) for stage in (1, 2)),
    "mbnet_paper": (papers.mbnet_paper,),
    "yogo_paper": (papers.yogo_paper,),
}
"""By the name on the command line: the stages of a training; each starts from the weights of the one before."""


def stages_of(name: str, settings: Sequence[str] = ()) -> list[Recipe]:
    """The recipes of a training, with ``settings`` (field=value) applied to each stage.

    name: in ``RECIPES``, or the path of a weight file, for the recipe in its header once more.
    Raises SettingsError for an unknown name or field, WeightsError for a file that holds no recipe of today's."""
    if name.endswith(".safetensors"):
        stages = [recipe_of(Path(name))]
    elif name in RECIPES:
        stages = [stage() for stage in RECIPES[name]]
    else:
        raise SettingsError(
            f"There is no recipe {name!r}. Choose one of: {', '.join(RECIPES)}; or a weight file, to repeat its run."
        )
    return [with_settings(stage, settings) for stage in stages]


def recipe_of(file: Path) -> Recipe:
    """By which the weights in a file were trained. Raises WeightsError where that cannot be told."""
    written = json.loads(load_weights(file).card.get("recipe", "{}"))
    for stages in RECIPES.values():
        for stage in stages:
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                recipe = filled(stage(), written)
                if names_all(json.loads(json.dumps(asdict(recipe), default=str)), written):
                    return recipe
    raise WeightsError(f"{file} holds no recipe that this stvsr could repeat. Choose one of: {', '.join(RECIPES)}.")


def names_all(ours: Any, written: Any) -> bool:
    """Whether what was written is in ours, as it was. What ours has beside it came later, and is as it was before."""
    if isinstance(ours, dict) and isinstance(written, dict):
        return all(names_all(ours[name], value) for name, value in written.items())
    return ours == written


def filled(like: Any, written: Any) -> Any:
    """What JSON holds, in the types of ``like``."""
    if is_dataclass(like) and not isinstance(like, type):
        return type(like)(**{name: filled(getattr(like, name), value) for name, value in written.items()})
    if isinstance(like, tuple):
        return tuple(filled(like[0], value) if like else value for value in written)
    return written
