"""Space-time video super-resolution: small, choppy video in; large, smooth video out.

``stvsr.enhance("holiday.mp4")`` makes a video bigger and smoother, ``stvsr.enhance_frames(...)`` does so with pictures
in memory, ``stvsr.load("unison-s")`` hands out a network, ``stvsr.evaluate(...)`` measures one. They are loaded on
first use, so that ``import stvsr`` is instant.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stvsr.api import enhance, enhance_frames, evaluate, load

__version__ = "0.1.0"
__all__ = ["__version__", "enhance", "enhance_frames", "evaluate", "load"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("stvsr.api"), name)
    raise AttributeError(f"module 'stvsr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
