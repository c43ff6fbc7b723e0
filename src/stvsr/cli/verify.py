"""``stvsr verify``: prove that a finished film holds what its source does."""

from dataclasses import asdict
from pathlib import Path

import typer

from stvsr.cli import console


def verify(
    film: Path = typer.Argument(help="The finished film."),
    source: Path | None = typer.Argument(None, help="What it was made from. Without, only the film itself is checked."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Check a film: time, sound, shape, colour tags, and no black or flat picture where its source has none.

    Leaves with 0 only if every check passes. `stvsr enhance` does this, and more, to every film that it makes.
    """
    from stvsr.jobs.expect import expectation_of
    from stvsr.jobs.verify import verify

    report = verify(film, None if source is None else expectation_of(source))
    if as_json:
        console.emit({"file": film, "ok": report.ok, "checks": [asdict(check) for check in report.checks]})
    else:
        rows = [("ok" if c.ok else "WRONG", c.name, c.expected, c.got) for c in report.checks]
        console.table(("", "check", "expected", "got"), rows)
    if not report.ok:
        raise typer.Exit(1)
