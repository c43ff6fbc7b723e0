"""``stvsr service``: enhance films for other programs, over HTTP."""

from pathlib import Path

import typer

from stvsr.cli import console
from stvsr.errors import MissingExtraError


def service(
    folder: Path = typer.Option(help="Where the queue lives, with all that is uploaded or made."),
    host: str = typer.Option("127.0.0.1", help="Where to listen; the default serves this machine only."),
    port: int = typer.Option(8600, min=0, max=65535, help="0 takes any free one."),
    token_file: Path | None = typer.Option(None, help="Holds the token (default: FOLDER/token, made if need be)."),
    no_token: bool = typer.Option(False, "--no-token", help="Let in every program of this machine, no others."),
    allow: list[Path] = typer.Option([], help="A folder whose films may be named by path; again for more."),
    workers: int = typer.Option(1, help="Jobs at a time."),
    max_upload: str = typer.Option("20G", help="The largest film that may be sent."),
    keep_free: str = typer.Option("1G", help="What uploads must leave free on the disk."),
) -> None:
    """Take films over HTTP, enhance them one after another, hand out the results. Ends with Ctrl-C or SIGTERM.

    Jobs survive a restart, a kill and a power cut. docs/service.md has the endpoints and how to call them.
    """
    try:
        from stvsr.service.server import serve
        from stvsr.service.settings import ServiceSettings, bytes_of, read_token
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"The service needs {error.name}: pip install 'stvsr[service]'.") from error
    settings = ServiceSettings(
        folder=folder,
        host=host,
        port=port,
        token=None if no_token else read_token(token_file, folder),
        allow=tuple(allow),
        workers=workers,
        max_upload=bytes_of(max_upload),
        keep_free=bytes_of(keep_free),
    )
    place = "none is asked for" if no_token else f"in {token_file or folder / 'token'}"
    serve(settings, on_listening=lambda address: console.say(f"listening on {address}; the token: {place}"))
