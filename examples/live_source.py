"""A source that never ends: pictures go in as they come, and come out a few pictures later, in constant memory."""

from collections.abc import Iterator
from itertools import count, islice
from time import perf_counter

import numpy as np

import stvsr
from stvsr.inference import RenderSettings


def camera() -> Iterator[np.ndarray]:
    """Stands for a camera, a decoder, a game: anything that yields pictures."""
    for index in count():
        yield np.full((48, 64, 3), 100 + index % 50, np.uint8)


def main(pictures: int = 20) -> float:
    # four key frames at once instead of fourteen: less delay, more work
    live = stvsr.enhance_frames(camera(), "bicubic", scale=2, times=2, settings=RenderSettings(window=4))
    began = perf_counter()
    for _ in islice(live, pictures):
        pass  # show it
    rate = pictures / (perf_counter() - began)
    print(f"{rate:.0f} pictures per second")
    return rate


if __name__ == "__main__":
    main()
