"""One process at a time: a lock that the system lets go of when its holder dies, however it dies."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stvsr.errors import OutputError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file. Raises OutputError where another process holds it."""
    with path.open("a+") as file:
        try:
            if sys.platform == "win32":
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            else:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f"Another process is at work on this job ({path.parent}). Wait until it is done, or stop it first."
            ) from error
        if not path.exists() or os.fstat(file.fileno()).st_ino != path.stat().st_ino:
            raise OutputError(f"Another process has just finished this job ({path.parent}). Look at its result.")
        yield
