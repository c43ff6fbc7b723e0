"""``stvsr serve``: the page for people, in a browser."""

from pathlib import Path

import typer

from stvsr.cli import console
from stvsr.errors import MissingExtraError

FOLDER = Path("~/.local/share/stvsr")


def serve(
    folder: Path = typer.Option(FOLDER, help="Where films, jobs and results are kept."),
    host: str = typer.Option("127.0.0.1", help="Where to listen; the default serves this machine only."),
    port: int = typer.Option(7860, min=0, max=65535, help="0 takes any free one."),
    token_file: Path | None = typer.Option(None, help="Ask visitors for the token in this file."),
    workers: int = typer.Option(1, help="Films at a time."),
    max_upload: str = typer.Option("20G", help="The largest film that may be dropped."),
    keep_free: str = typer.Option("1G", help="What films must leave free on the disk."),
) -> None:
    """Open a page where a video can be dropped, previewed, enhanced and downloaded. Ends with Ctrl-C or SIGTERM.

    Other machines get in with a token only: FOLDER/token, made if need be, unless --token-file names another.
    """
    try:
        from stvsr.service.settings import ServiceSettings, bytes_of, is_loopback, read_token
        from stvsr.web.server import serve
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"The page needs {error.name}: pip install 'stvsr[web]'.") from error
    folder = folder.expanduser()
    asked = token_file is not None or not is_loopback(host)
    settings = ServiceSettings(
        folder=folder,
        host=host,
        port=port,
        token=read_token(token_file, folder) if asked else None,
        workers=workers,
        max_upload=bytes_of(max_upload),
        keep_free=bytes_of(keep_free),
    )
    place = f"; the token: in {token_file or folder / 'token'}" if asked else ""
    serve(settings, on_listening=lambda address: console.say(f"open {address} in a browser{place}"))
