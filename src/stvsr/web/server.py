"""The page, served: until someone ends it, or a kill does."""

from collections.abc import Callable
from contextlib import closing, suppress

import uvicorn

from stvsr.queue import Queue
from stvsr.service.server import listening
from stvsr.service.settings import ServiceSettings
from stvsr.web.app import make_app


def serve(settings: ServiceSettings, on_listening: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; jobs that run then continue at the next start.

    on_listening: told the address once requests can come. Raises OutputError where the folder cannot be used,
    SettingsError where the port cannot be had.
    """
    with (
        closing(Queue(settings.folder)) as queue,
        closing(Queue(settings.folder / "previews")) as previews,
        listening(settings.host, settings.port) as door,
    ):
        app = make_app(settings, queue, previews)
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        on_listening(f"http://{host}:{door.getsockname()[1]}/")
        with suppress(KeyboardInterrupt):  # uvicorn ends cleanly, and then passes the signal on
            uvicorn.Server(config).run(sockets=[door])
