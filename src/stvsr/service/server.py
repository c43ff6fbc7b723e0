"""The service, listening: until someone ends it, or a kill does."""

import socket
from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn

from stvsr.errors import SettingsError
from stvsr.queue import Queue
from stvsr.service.app import make_app
from stvsr.service.settings import ServiceSettings


def serve(settings: ServiceSettings, on_listening: Callable[[str], None]) -> None:
    """Listen until SIGINT or SIGTERM; children are ended then, and their jobs continue at the next start.

    on_listening: told the address once requests can come. Raises OutputError where the folder cannot be used,
    SettingsError where the port cannot be had.
    """
    with closing(Queue(settings.folder)) as queue, listening(settings.host, settings.port) as door:
        config = uvicorn.Config(
            make_app(settings, queue), log_level="warning", access_log=False, timeout_graceful_shutdown=5
        )
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        on_listening(f"http://{host}:{door.getsockname()[1]}")
        with suppress(KeyboardInterrupt):  # uvicorn ends cleanly, and then passes the signal on
            uvicorn.Server(config).run(sockets=[door])


def listening(host: str, port: int) -> socket.socket:
    """An open door. Who knocks before the service is ready waits. Raises SettingsError."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(f"{host}:{port} cannot be listened on: {error}. Give another --host or --port.") from error
