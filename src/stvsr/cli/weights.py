"""``stvsr weights``: which files lie here, whether they are sound, and taking over others."""

from dataclasses import asdict
from pathlib import Path

import typer

from stvsr.cli import console

app = typer.Typer(help="List, check, import and fetch trained weights.", no_args_is_help=True)


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
    from stvsr.weights.own import import_weights

    tell(import_weights(source, replace=replace), as_json=as_json)


@app.command()
def fetch(
    url: str = typer.Argument(help="Where a weight file lies: https://.../NAME.safetensors"),
    digest: str = typer.Option(None, "--sha256", help="What the file's SHA-256 must be; any other is refused."),
    replace: bool = typer.Option(False, "--replace", help="In place of what was imported before."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Download somebody's weight file and import it. Files hold numbers only: nothing in them is run."""
    from stvsr.weights.own import fetch_weights

    tell(fetch_weights(url, digest=digest, replace=replace), as_json=as_json)


def tell(file: Path, *, as_json: bool) -> None:
    """Which weights were taken over."""
    from stvsr.weights.own import check as check_file

    held = check_file(file)
    if as_json:
        console.emit({"weights": [asdict(held)]})
    else:
        console.say(f"{held.network} x{held.scale} is now loaded from {held.file}, SHA-256 {held.sha256}")
