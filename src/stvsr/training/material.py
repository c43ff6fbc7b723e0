"""What a run trains on, and what it is measured on."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from stvsr.data.flow import find_teacher
from stvsr.data.masking import Masking
from stvsr.data.open import open_source, open_stills
from stvsr.data.pictures import VIMEO_LISTS, open_vimeo
from stvsr.data.sampler import Sampler
from stvsr.data.source import Cadence, Clip, Size, Source, film_of, hold_out
from stvsr.data.stills import MixedSource, StillSource
from stvsr.errors import TrainingError
from stvsr.training.recipe import DEGRADATIONS, Recipe

MOST_HELD_OUT = 8
"""Clips that a network is measured on, evenly from all that are held out."""


@dataclass(frozen=True, slots=True)
class Material:
    sampler: Sampler
    held_out: list[Clip]
    """Some of the clips that no batch shows."""
    seen: dict[str, Any]
    """For the card, plain: ``origins`` (source, licence, number of clips), films ``held_out``, who taught the flow."""


def open_material(recipe: Recipe, data: Path | Source, fabric: Fabric, report: Callable[[str], None]) -> Material:
    """The recipe's batches and what belongs to them. Raises TrainingError for data that cannot serve."""
    kept, held = open_kept(recipe, data, report)
    held_out = held[:: max(1, len(held) // MOST_HELD_OUT)][:MOST_HELD_OUT]
    teacher = find_teacher(recipe.teacher, fabric.device, report) if recipe.flow else None
    size = Size(recipe.crop * recipe.scale, (recipe.crop_width or recipe.crop) * recipe.scale)
    sampler = Sampler(
        kept,
        served(kept, recipe.cadences, size, report),
        scale=recipe.scale,
        crop=(recipe.crop, recipe.crop_width or recipe.crop),
        batch_size=recipe.batch,
        seed=recipe.seed,
        device=fabric.device,
        degradation=DEGRADATIONS[recipe.degradation],
        flow=recipe.flow,
        teacher=teacher,
        masking=Masking(rate=recipe.masked) if recipe.masked else None,
        augmentation=recipe.augmentation,
        process=fabric.global_rank,
        processes=fabric.world_size,
    )
    count = sum(len(clip) for clip in kept.clips)
    films = sorted({film_of(clip) for clip in held})
    report(f"{len(kept.clips)} clips, {count} frames; held out: {', '.join(films[:MOST_HELD_OUT]) or 'nothing'}")
    origins = Counter((clip.origin.source, clip.origin.licence) for clip in kept.clips)
    taught = ("RAFT (torchvision)" if teacher else "classical (DIS)") if recipe.flow else "none"
    seen = {"origins": sorted([*origin, number] for origin, number in origins.items()), "held_out": films}
    return Material(sampler, held_out, seen | {"teacher": taught})


def open_kept(recipe: Recipe, data: Path | Source, report: Callable[[str], None] = print) -> tuple[Source, list[Clip]]:
    """What is trained on, before any preparation, and what is held out."""
    if isinstance(data, Path) and recipe.stills == 1:
        source = open_stills(data, report=report)
    else:
        source = open_source(data, report=report) if isinstance(data, Path) else data
        if recipe.stills:
            stills = StillSource(name=source.name, clips=source.clips, report=report)
            mixed = MixedSource(films=source, stills=stills, share=recipe.stills)
            source = stills if recipe.stills == 1 else mixed
    if recipe.hold_out:
        kept, held = hold_out(source, recipe.held_out)
    else:
        kept, held = source, tested_on(data, report)
    return kept, held


def tested_on(data: Path | Source, report: Callable[[str], None]) -> list[Clip]:
    """The test list of a standard set, where it lies beside the training list."""
    if not isinstance(data, Path) or not any((data / f"{kind}_testlist.txt").exists() for kind in VIMEO_LISTS):
        return []
    return list(open_vimeo(data, "test", report).clips)


def served(source: Source, cadences: Sequence[Cadence], size: Size, report: Callable[[str], None]) -> list[Cadence]:
    """The cadences that the footage is long enough for; the others are said and left out. Raises TrainingError where
    it serves none."""
    possible: list[Cadence] = []
    refused: list[TrainingError] = []
    for cadence in cadences:
        try:
            source.prepare([cadence], size)
            possible.append(cadence)
        except TrainingError as error:
            refused.append(error)
    if not possible:
        raise refused[0]
    for error in refused:
        report(f"{error} The recipe's other instants are trained.")
    return possible
