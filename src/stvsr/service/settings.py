"""What the service may do, and for whom."""

import os
import re
import secrets
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from stvsr.errors import SettingsError
from stvsr.queue import ENHANCE

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
LEAST_TOKEN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """Raises SettingsError for values that cannot work."""

    folder: Path
    """Where the queue lives, with everything that is uploaded or made."""
    host: str = "127.0.0.1"
    port: int = 8600
    """0: any free one."""
    token: str | None
    """What a client must show; None: nothing, which only a service for this machine alone may allow."""
    allow: tuple[Path, ...] = ()
    """Folders whose films may be named by path."""
    workers: int = 1
    """Jobs at a time."""
    max_upload: int = 20 * 2**30
    """Bytes of one film."""
    keep_free: int = 2**30
    """Bytes of the disk that no upload may take."""
    command: tuple[str, ...] = ENHANCE
    """What does a job; takes the arguments of ``stvsr enhance``."""

    def __post_init__(self) -> None:
        if self.token is None and not is_loopback(self.host):
            raise SettingsError(
                f"Whoever reaches {self.host} could use the service: without a token it listens on 127.0.0.1 only."
            )
        if self.token is not None and not re.fullmatch(rf"[!-~]{{{LEAST_TOKEN},}}", self.token):
            raise SettingsError(
                f"The token has {len(self.token)} characters. Use {LEAST_TOKEN} or more letters, digits or signs, no "
                f"spaces; without --token-file the service makes a good one."
            )
        if self.workers < 1:
            raise SettingsError(f"{self.workers} workers were asked for. Give at least 1.")
        for folder in self.allow:
            if not folder.is_dir():
                raise SettingsError(f"{folder} is to be allowed, but there is no such folder. Create it first.")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_token(file: Path | None, folder: Path) -> str:
    """The token in a file. Without one, the folder's own, which is made where there is none yet.

    Raises SettingsError where the file cannot be read.
    """
    own = folder / "token"
    try:
        if file is None and not own.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with open(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as fresh:
                fresh.write(f"{secrets.token_urlsafe(32)}\n")
        return (file or own).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"The token {file or own} cannot be read: {error}. Give another --token-file.") from error


def bytes_of(size: str) -> int:
    """``20G`` and the like as a number of bytes; units are powers of 1024. Raises SettingsError."""
    match = re.fullmatch(r"(\d{1,15})([KMGT]?)", size.upper())
    if match is None:
        raise SettingsError(f"{size!r} is not a size. Write a number of bytes, or one with K, M, G or T such as 20G.")
    return int(match[1]) * UNITS[match[2]]
