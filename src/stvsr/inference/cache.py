"""What can be made again at any time, kept because it takes a while."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """Where stvsr keeps it for this user. Whatever is deleted there is made again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData/Local")) / "stvsr"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "stvsr"
