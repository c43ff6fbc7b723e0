"""Functions over arrays, translated to machine code by Numba at their first call."""

from collections.abc import Callable
from functools import partial

from numba import njit

translate = partial(njit, nogil=True, error_model="numpy", fastmath={"contract"})
inlined = translate(forceinline=True)


def compiled(function: Callable[..., None]) -> Callable[..., None]:
    """Translated; kept on disk, unless there is no folder that may be written to."""
    try:
        return translate(cache=True)(function)
    except RuntimeError:
        return translate()(function)
