"""Where a film comes from, kept in the film itself: settings, weights, programs and source, as one line of JSON.

Matroska and WebM keep it as ``STVSR``. mp4 and mov know a fixed set of words that every player reads, so it goes into
the first of ``PLACES`` that the source has not taken; the last one serves in any case.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from stvsr.errors import InputError
from stvsr.inference import RenderSettings, Target
from stvsr.jobs.plan import EnhanceSettings
from stvsr.video import probe

TAG = "STVSR"
PLACES = {".mov": ("comment", "copyright", "genre"), ".mp4": ("comment", "description", "synopsis")}
MARK = '{"stvsr":'


def metadata_with(terms: Mapping[str, Any], suffix: str, taken: Mapping[str, str]) -> dict[str, str]:
    """The words for a film's container. terms: the job's charter. taken: the source's own words."""
    facts = {"stvsr": terms["versions"]["stvsr"], **terms}
    facts.pop("target")
    used = {name.lower() for name, value in taken.items() if not value.startswith(MARK)}
    places = PLACES.get(suffix.lower(), PLACES[".mp4"])
    free = next((place for place in places if place not in used), places[-1])
    place = TAG if suffix.lower() in (".mkv", ".webm") else free
    return {place: json.dumps(facts, ensure_ascii=False)}


def provenance_of(film: Path) -> dict[str, Any] | None:
    """What a film tells of where it comes from; None where it is not one of ours."""
    words = {name.lower(): word for name, word in probe(film).metadata.items()}
    for place in (TAG.lower(), *PLACES[".mov"], *PLACES[".mp4"]):
        if words.get(place, "").startswith(MARK):
            return json.loads(words[place])
    return None


def settings_of(film: Path, facts: Mapping[str, Any]) -> EnhanceSettings:
    """The settings that a film was made with. Raises InputError where this version cannot read them."""
    try:
        asked = {
            field.name: facts["settings"][field.name]
            for field in fields(EnhanceSettings)
            if field.name in facts["settings"]
        }
        asked["target"] = Target(**_with_fraction(asked["target"]))
        asked["weights"] = None if asked["weights"] is None else Path(asked["weights"])
        return EnhanceSettings(**asked, render=RenderSettings(**facts["render"]))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{film} was made by stvsr {facts.get('stvsr')}, whose settings cannot be read here ({error}). "
            f"Enhance its source anew."
        ) from error


def _with_fraction(target: Mapping[str, Any]) -> dict[str, Any]:
    return dict(target) | {"fps": None if target["fps"] is None else Fraction(target["fps"])}
