"""``stvsr doctor``: is this installation able to work?"""

from dataclasses import asdict

import typer

from stvsr.cli import console


def doctor(as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout.")) -> None:
    """Look at everything that stvsr needs, enhance a tiny film as a test, and name the cure for what is missing."""
    from stvsr.jobs.doctor import examine

    findings = list(examine())
    well = all(finding.ok or not finding.needed for finding in findings)
    if as_json:
        console.emit({"ok": well, "findings": [asdict(finding) for finding in findings]})
    else:
        marks = {(True, True): "ok", (True, False): "ok", (False, True): "BROKEN", (False, False): "absent"}
        console.table(
            ("", "what", "found", "cure"),
            [(marks[f.ok, f.needed], f.name, f.found, f.cure or "") for f in findings],
        )
    if not well:
        raise typer.Exit(1)
