"""Films for the tests: short, tiny, with exact times."""

from collections.abc import Callable, Iterable
from fractions import Fraction

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from stvsr.clip import Frame

# the first call of a test also pays for compiling shape checks, which says nothing about the code
settings.register_profile("stvsr", deadline=None)
settings.load_profile("stvsr")


@pytest.fixture(scope="session")
def film() -> Callable[..., list[Frame]]:
    """``film(images, cuts={4}, rate=24)`` at a constant rate, or ``durations=[...]`` in seconds."""

    def make(
        images: Iterable[Tensor | float],
        *,
        cuts: Iterable[int] = (),
        rate: Fraction | int = 24,
        start: Fraction = Fraction(0),
        durations: list[Fraction] | None = None,
    ) -> list[Frame]:
        images = [image if isinstance(image, Tensor) else torch.full((3, 4, 4), float(image)) for image in images]
        durations = durations or [1 / Fraction(rate)] * len(images)
        times = [start + sum(durations[:i], Fraction(0)) for i in range(len(images))]
        return [
            Frame(image=image, time=time, duration=duration, starts_shot=i in set(cuts))
            for i, (image, time, duration) in enumerate(zip(images, times, durations, strict=True))
        ]

    return make
