"""A training run as a value: a frozen dataclass. A variant is ``replace``; ``--set field=value`` on the command line
changes a field, the value being read as the field's type.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any

import numpy as np

from stvsr.data.degrade import Degradation
from stvsr.data.flow import TEACHERS
from stvsr.data.realworld import RealWorld
from stvsr.data.sampler import ALL, Augmentation, Cadence
from stvsr.errors import SettingsError
from stvsr.training.losses import Loss, UnisonLoss
from stvsr.training.perceptual import Perceptual


@dataclass(frozen=True, kw_only=True)
class Cosine:
    """The rate falls along half a cosine."""

    lr_end: float = 1e-6
    hold: float = 0.0
    """Share of the run before it falls."""

    def __post_init__(self) -> None:
        if not 0 <= self.hold < 1:
            raise SettingsError(f"decay.hold is a share of the run, 0 or more and less than 1, not {self.hold}.")

    def __call__(self, lr: float, step: int, steps: int) -> float:
        """The rate at ``step`` of ``steps``, having begun at ``lr``."""
        fallen = (step / max(steps, 1) - self.hold) / (1 - self.hold)
        return self.lr_end + (lr - self.lr_end) * (1 + math.cos(math.pi * min(max(fallen, 0), 1))) / 2


@dataclass(frozen=True, kw_only=True)
class Stairs:
    """The rate falls by a factor every so many steps."""

    every: int
    factor: float

    def __call__(self, lr: float, step: int, steps: int) -> float:  # noqa: ARG002 (as Cosine)
        """The rate at ``step``, having begun at ``lr``."""
        return lr * self.factor ** (step // self.every)


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """Adam or AdaMax (Kingma and Ba 2015), with a linear warm-up and a falling rate."""

    kind: str = "adam"
    """``adam`` or ``adamax``."""
    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.99
    decay: Cosine | Stairs = field(default_factory=Cosine)
    warmup: int = 200
    clip: float = 0.5
    """Longest gradient; 0: any length."""
    ema: float = 0.999
    """What the averaged weights keep of themselves at each step; 0: no averaging."""

    def __post_init__(self) -> None:
        if self.kind not in ("adam", "adamax"):
            raise SettingsError(f"There is no optimiser {self.kind!r}. Choose adam or adamax.")

    def rate(self, step: int, steps: int) -> float:
        """The learning rate at a step of so many."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        return self.decay(self.lr, step - self.warmup, steps - self.warmup)


DEGRADATIONS: dict[str, Degradation | None] = {"bicubic": None, "real-world": RealWorld()}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that defines a run, beside the footage."""

    network: str
    scale: int
    config: dict[str, Any] = field(default_factory=dict)
    """What the network's builder is given beside the scale."""
    steps: int
    batch: int
    crop: int
    """Side of the input crops, pixels; their height where ``crop_width`` is given."""
    crop_width: int = 0
    """0: square."""
    flow: bool = True
    """The loss wants the flow between input frames."""
    teacher: str = "classical"
    """Who finds it: ``classical``, or ``raft`` (torchvision's, where it is installed; else the former)."""
    degradation: str = "bicubic"
    """What makes the input: ``bicubic``, or ``real-world`` (blur, noise, compression)."""
    stills: float = 0.0
    """Share of the clips that are still pictures, moved; 1: for pre-training."""
    known_flow: float = 0.0
    """Share of the steps at which the network works along the batch's flow, which is exact for stills, and its own only
    learns from it."""
    masked: float = 0.0
    """Share of the input's blocks that are hidden; losses then count most what is seen least."""
    augmentation: Augmentation = ALL
    precision: str = "bf16-mixed"
    """Lightning Fabric's name of it."""
    seed: int = 1
    accumulate: int = 1
    """Parts into which a batch is cut where the memory is too small for it; the gradients add up to the same."""
    parts: tuple[str, ...] = ()
    """Names of the network's parts that learn, the rest stays as it is; empty: all."""
    cadences: tuple[Cadence, ...] = (Cadence(keys=4, factor=2, probability=1.0),)
    optimiser: Optimiser = field(default_factory=Optimiser)
    losses: Loss = field(default_factory=UnisonLoss)
    perceptual: Perceptual = field(default_factory=Perceptual)
    held_out: tuple[str, ...] = (
        "davis2016val_480p/cows",
        "davis2016val_480p/parkour",
        "sam2/demo/data/gallery/01_dog.mp4",
    )
    """Beginnings of the names of clips that are never trained on, for validation."""
    hold_out: bool = True
    """Where none of these is in the footage, hold out some films all the same. False: train on everything, and validate
    on the set's own test list."""

    def __post_init__(self) -> None:
        for name in ("stills", "known_flow", "masked"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is a share between 0 and 1, but {getattr(self, name)} was given.")
        if self.known_flow and not self.flow:
            raise SettingsError("There is no flow to go along with flow=False. Use --set flow=1 or known_flow=0.")
        if self.degradation not in DEGRADATIONS:
            raise SettingsError(f"There is no degradation {self.degradation!r}. Choose {' or '.join(DEGRADATIONS)}.")
        if self.teacher not in TEACHERS:
            raise SettingsError(f"There is no teacher {self.teacher!r}. Choose {' or '.join(TEACHERS)}.")

    def goes_along(self, step: int) -> bool:
        """Whether the network works along the known flow at this step."""
        return np.random.default_rng((self.seed, step, 1)).random() < self.known_flow


def with_settings(recipe: Recipe, settings: Sequence[str]) -> Recipe:
    """Apply ``field=value`` and ``group.field=value``. Raises SettingsError for what the recipe does not have."""
    for setting in settings:
        path, found, value = setting.partition("=")
        if not found:
            raise SettingsError(f"--set takes field=value, but got {setting!r}. For example --set optimiser.lr=2e-4.")
        recipe = with_field(recipe, path.split("."), value, setting)
    return recipe


SWITCH = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def with_field(group: Any, path: list[str], value: str, setting: str) -> Any:
    """A copy of a dataclass with one field, however deep, replaced."""
    name, *rest = path
    known = [entry.name for entry in fields(group)]
    if name not in known:
        raise SettingsError(f"--set {setting}: there is no field {name!r}. Choose among {', '.join(known)}.")
    old = getattr(group, name)
    if rest and is_dataclass(old):
        return replace(group, **{name: with_field(old, rest, value, setting)})
    if rest or not isinstance(old, int | float | str):
        raise SettingsError(f"--set {setting}: {name!r} cannot be set from the command line. Set a number or a name.")
    try:
        return replace(group, **{name: SWITCH[value.lower()] if isinstance(old, bool) else type(old)(value)})
    except (ValueError, KeyError) as error:
        raise SettingsError(f"--set {setting}: {value!r} is not a {type(old).__name__}.") from error
