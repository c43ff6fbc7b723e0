"""``stvsr weights``: which files lie here, whether they are sound, and taking over one's own."""

from dataclasses import asdict
from pathlib import Path

import typer

from stvsr.cli import console

app = typer.Typer(help="List, check and import trained weights.", no_args_is_help=True)


@app.command("list")
def list_(as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout.")) -> None:
    """List the weight files that the networks are loaded from, shipped and imported."""
    from stvsr.weights.own import weights_here

    held = weights_here()
    if as_json:
        console.emit({"weights": [asdict(each) for each in held]})
        return
    console.table(
        ("network", "scale", "from", "steps", "MB", "SHA-256", "file"),
        [
            (
                each.network,
                f"x{each.scale}",
                "the package" if each.shipped else "you",
                each.steps or "not told",
                f"{each.bytes / 1e6:.1f}",
                each.sha256[:12],
                each.file,
            )
            for each in held
        ],
    )


@app.command()
def check(
    files: list[Path] = typer.Argument(None, help="Weight files; without any, all that lie here."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Check weight files: readable, fitting, numbers only, and the shipped ones unchanged to the bit."""
    from stvsr.weights.own import check as check_file
    from stvsr.weights.own import weights_here

    held = [check_file(file) for file in files] if files else weights_here()
    if as_json:
        console.emit({"weights": [asdict(each) for each in held]})
        return
    for each in held:
        console.say(f"{each.file}: {each.network} x{each.scale}, sound")


@app.command("import")
def import_(
    source: Path = typer.Argument(help="A weight file, a run's folder, or its checkpoint."),
    replace: bool = typer.Option(False, "--replace", help="In place of what was imported before."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Take over weights of your own: every command then uses them where their network is asked for.

    They lie in ~/.local/share/stvsr/weights (or STVSR_WEIGHTS); delete the file to return to the shipped ones.
    """
    from stvsr.weights.own import check as check_file
    from stvsr.weights.own import import_weights

    held = check_file(import_weights(source, replace=replace))
    if as_json:
        console.emit({"weights": [asdict(held)]})
    else:
        console.say(f"{held.network} x{held.scale} is now loaded from {held.file}")
