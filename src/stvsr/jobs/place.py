"""Where a film waits for its proof, and how it gets its name."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stvsr.errors import OutputError, VerificationError
from stvsr.jobs.verify import VerifyReport


@contextmanager
def unproven(target: Path, *, is_folder: bool) -> Iterator[str]:
    """A hidden name beside the target, for ``VideoWriter``; whatever is left under it at the end is removed.

    "-" stands for itself, and a folder's name ends in "/".
    """
    if str(target) == "-":
        yield "-"
        return
    path = target.with_name(f".{target.stem}.{os.getpid()}.unproven{target.suffix}")
    try:
        yield f"{path}/" if is_folder else str(path)
    except OutputError as error:  # its message names the file that we write, but the user asked for another
        raise OutputError(str(error).replace(str(path), str(target))) from error
    finally:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()


def place(path: str, target: Path, proof: VerifyReport) -> None:
    """Give a proven film its name. One that is not is kept under another, and a VerificationError tells which."""
    if not proof.ok and path == "-":
        raise VerificationError(f"What was sent to standard output is not what was promised: {proof.failures}.")
    if not proof.ok:
        kept = target.with_name(f"{target.stem}.unproven{target.suffix}")
        rename(Path(path), kept)
        raise VerificationError(
            f"The result does not hold what was promised: {proof.failures}. It is kept as {kept}, for you to judge."
        )
    if path != "-":
        rename(Path(path), target)


def rename(path: Path, target: Path) -> None:
    try:
        os.replace(path, target)  # a folder can take the place of an empty one
    except OSError as error:
        raise OutputError(f"{target} could not be given its name: {error.strerror}. Nothing was left of it.") from error
