"""Where films come from: streamed to disk from a request, or named by path inside an allowed folder."""

import errno
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.requests import ClientDisconnect

from stvsr.errors import InputError
from stvsr.service.refusals import DiskFullError, PathError

LOOK_EVERY = 64 * 2**20
"""Bytes between two looks at the disk."""


async def receive(request: Request, target: Path, *, keep_free: int) -> None:
    """Write a request's body into a new file, piece by piece; when this returns, it is on disk.

    keep_free: bytes of the disk that must stay free. Raises DiskFullError, and InputError where nothing came.
    """
    announced = request.headers.get("content-length", "")
    check_room(target.parent, keep_free + (int(announced) if announced.isdecimal() else 0))
    size = looked = 0
    try:
        with open(target, "xb") as file:
            async for piece in request.stream():
                await run_sync(file.write, piece)
                size += len(piece)
                if size - looked >= LOOK_EVERY:
                    looked = size
                    check_room(target.parent, keep_free)
            file.flush()
            await run_sync(os.fsync, file.fileno())
    except ClientDisconnect as error:  # nobody reads this, but it is no mistake of ours
        raise InputError("The upload broke off. Send it again.") from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError("The service's disk is full. Delete jobs that are done, or wait.") from error
    if not size:
        raise InputError("Not one byte came. Send the film as the request's body: curl -T holiday.mp4 ...")


def check_room(folder: Path, needed: int) -> None:
    """Raise DiskFullError where the disk has less than so many bytes to spare."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise DiskFullError(
            f"The service's disk has {free / 2**30:.1f} GiB free, but {needed / 2**30:.1f} GiB are needed. "
            f"Delete jobs that are done, or wait."
        )


def plain_name(name: str) -> str:
    """The last part of what a client calls its file; only people ever read it."""
    return PurePosixPath(name.replace("\\", "/")).name or "film"


def safe_ending(name: str) -> str:
    """The ending of a client's file name if it is an ordinary one, else nothing; it goes into a name on disk."""
    found = re.search(r"\.[A-Za-z0-9]{1,8}\Z", name)
    return found[0].lower() if found else ""


def confined(path: str, allowed: Sequence[Path]) -> Path:
    """The file or folder of pictures that a path leads to, without symbolic links and dots.

    Raises PathError where that is not inside an allowed folder, and tells nothing about what is there; InputError
    where it is inside, but not there.
    """
    try:
        real = Path(path).resolve()
        str(real).encode()
        inside = Path(path).is_absolute() and any(real.is_relative_to(folder.resolve()) for folder in allowed)
    except (OSError, RuntimeError, ValueError):  # too long, a loop of links, a zero byte, not UTF-8
        inside, real = False, Path()
    if not inside:
        listed = ", ".join(map(str, allowed)) or "none; upload the film instead"
        raise PathError(f"{path} is not inside a folder that this service may read. Allowed are: {listed}.")
    try:
        if real.is_file() or real.is_dir():
            return real
    except OSError:
        pass
    raise InputError(f"There is no film at {path} that the service can read. Check the name.")
