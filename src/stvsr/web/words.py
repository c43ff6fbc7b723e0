"""Facts in plain words."""

from fractions import Fraction
from html import escape

from stvsr.jobs.plan import Plan
from stvsr.video import VideoInfo
from stvsr.weights.catalog import entry_of

SIZES = (1, 2, 3, 4)
RATES = {"keep": "Keep the frame rate", "2": "Twice as smooth", "4": "Four times as smooth", "60": "60 per second"}


def about_film(name: str, info: VideoInfo) -> str:
    """What was dropped, as HTML: the facts, and what the doctor says."""
    facts = [f"{info.width} × {info.height} pixels"]
    if info.average_rate:
        facts.append(f"{float(info.average_rate):.4g} frames per second")
    if info.duration:
        facts.append(duration(float(info.duration)))
    sound = len(info.of_kind("audio"))
    facts.append("no sound" if not sound else "with sound" if sound == 1 else f"{sound} sound tracks")
    remarks = "".join(f"<li>{escape(sentence(remark))}</li>" for remark in info.remarks)
    said = f"<ul class='remarks'>{remarks}</ul>" if remarks else "<p class='well'>Nothing wrong was found.</p>"
    return f"<div class='film-facts'><h3>{escape(name)}</h3><p>{escape(' · '.join(facts))}</p>{said}</div>"


def about_plan(plan: Plan, info: VideoInfo, seconds: float | None) -> str:
    """What will come out, and how long it will take, as HTML."""
    rate = f", {float(plan.rate):.4g} frames per second" if plan.rate else ""
    frames = f"{plan.frames_out} pictures of " if plan.frames_out else ""
    takes = "how long it takes is unknown: the film does not tell its length"
    if seconds is not None:
        takes = f"about <strong>{duration(round(seconds))}</strong> on this machine"
    new = "".join(f"<li>{escape(sentence(note))}</li>" for note in plan.notes if note not in info.remarks)
    notes = f"<ul class='remarks'>{new}</ul>" if new else ""
    return f"<p class='estimate'>{frames}{plan.size[0]} × {plan.size[1]}{rate}: {takes}.</p>{notes}"


def network_words(name: str) -> str:
    """A network in one line."""
    trained = entry_of(name).needs_weights
    return f"{name}: {'trained to sharpen and to follow motion' if trained else 'plain resizing and blending, fast'}"


def size_choices(info: VideoInfo) -> list[tuple[str, int]]:
    words = {1: "Keep the size", 2: "Twice", 3: "Three times", 4: "Four times"}
    return [(f"{words[scale]}: {info.width * scale} × {info.height * scale}", scale) for scale in SIZES]


def rate_choices(rate: Fraction | None) -> list[tuple[str, str]]:
    """The frame rates on offer, with their numbers where the film tells its own."""
    if rate is None:
        return [(words, kind) for kind, words in RATES.items()]
    numbers = {"keep": rate, "2": 2 * rate, "4": 4 * rate}
    return [
        (words if kind not in numbers else f"{words}: {float(numbers[kind]):.4g} per second", kind)
        for kind, words in RATES.items()
    ]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * length:
            count = seconds / length
            return f"{count:.0f} {unit}s" if count >= 9.5 else f"{count:.1f} {unit}s".replace(".0 ", " ")
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} seconds".replace(".0 ", " ")
    return f"{seconds:.0f} seconds"


def sentence(remark: str) -> str:
    """A remark with a capital letter and a full stop."""
    return f"{remark[:1].upper()}{remark[1:].rstrip('.')}."
