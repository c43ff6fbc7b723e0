"""``stvsr redo``: one shot of a finished film, rendered again."""

from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import typer

from stvsr.cli import console, options
from stvsr.errors import SettingsError


def redo(
    film: Path = typer.Argument(help="A film that `stvsr enhance` made."),
    target: Path | None = typer.Argument(None, help="By default beside the film: holiday.x4.redo.mp4."),
    source: Path = typer.Option(help="What the film was made from."),
    start: str = typer.Option(help="A time within the shot, as the film shows it: 75.5, 12:30 or 1:02:03.5."),
    network: options.Network = None,
    weights: options.Weights = None,
    overwrite: options.Overwrite = False,
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout, when all is done."),
) -> None:
    """Render one shot again, with another network if you like, and put it in the old one's place.

    All else is copied as it is. The settings are those that the film tells of itself.
    """
    from stvsr.jobs import redo as redoing

    time = seconds(start)
    result = redoing.redo(film, source, time, target, network=network, weights=weights, overwrite=overwrite)
    for note in result.notes:
        console.say(f"note: {note}")
    if as_json:
        facts = asdict(result)
        checks = facts.pop("verify")["checks"]
        console.emit(facts | {"verify": {"ok": result.verify.ok, "checks": checks}})
    else:
        console.say(
            f"{result.output}: {result.frames} frames from {float(result.begin):.3f} to {float(result.end):.3f} s are "
            f"new, by {result.network}; {len(result.verify.checks)} checks passed."
        )


def seconds(text: str) -> Fraction:
    """A time as people write it. Raises SettingsError for anything else."""
    try:
        parts = [Fraction(part) for part in text.split(":")]
    except (ValueError, ZeroDivisionError):
        parts = []
    if not 1 <= len(parts) <= 3 or any(part < 0 for part in parts):
        raise SettingsError(f"{text!r} is not a time. Write 75.5, 12:30 or 1:02:03.5.")
    return sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))
