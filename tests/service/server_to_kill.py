"""A process that starts the service again and again, each time as a child of its own, without importing it anew.

Arguments: the command that does a job. A line on stdin, the port and the queue's folder, starts the service, whose
process id is then printed; the end of stdin ends it all.
"""

import os
import signal
import sys
from pathlib import Path

from stvsr.service.server import serve
from stvsr.service.settings import ServiceSettings

TOKEN = "a-token-for-tests-only"


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that are killed
    print("ready", flush=True)
    for line in sys.stdin:
        port, folder = line.strip().split(" ", 1)
        command = tuple(sys.argv[1:])
        settings = ServiceSettings(
            folder=Path(folder), port=int(port), token=TOKEN, workers=3, keep_free=0, command=command
        )
        process = os.fork()
        if process == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            serve(settings, on_listening=lambda _: None)
            os._exit(0)
        print(process, flush=True)


if __name__ == "__main__":
    main()
