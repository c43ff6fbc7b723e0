"""What a network promises, and the one door through which every network is used."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol, get_args, get_origin, get_type_hints, runtime_checkable

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from stvsr.clip import Times
from stvsr.errors import SettingsError, UnsupportedTimeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Facts about a network, as data."""

    scale: int
    """Enlargement of height and width."""
    step: Fraction | None
    """Instants must be multiples of this, in input frames; None: any instant."""
    min_frames: int = 1
    max_frames: int | None = None
    multiple_of: int = 1
    """Height and width must be multiples of this; ``forward`` pads and crops, so callers need not care."""
    reach: int | None = None
    """How many input pixels a change can travel sideways; None: over the whole picture. Tiles overlap by it."""
    context: int | None = None
    """How many input frames on either side an output depends on; None: on all. Windows overlap by it."""
    int8: bool = False
    """Whether convolutions in 8 bits were measured to cost less than 0.02 dB, so that they may be taken unasked."""


@dataclass(slots=True, kw_only=True)
class TrainingOutput:
    """What the losses see. Deployment never computes more than ``frames``."""

    frames: Float[Tensor, "b s c H W"]
    extras: dict[str, Tensor] = field(default_factory=dict)
    """What a network's own losses need (flows, heads, low-resolution frames), named in its file."""


class Network(nn.Module, ABC):
    """A space-time video super-resolution network: a clip and instants in, enlarged frames out."""

    spec: Spec

    def forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        """Render the clip at the given instants.

        clip: RGB in [0, 1]. times: instants in input frames, ascending, within 0 ... t-1.
        Returns frames in about [0, 1] (not clamped), height and width times ``spec.scale``.
        Raises UnsupportedTimeError for an instant it cannot render, SettingsError for too few or too many frames.
        """
        self.check(clip, times)
        padded = pad_to_multiple(clip, self.spec.multiple_of)
        frames = self.render(padded, times)
        height, width = clip.shape[-2] * self.spec.scale, clip.shape[-1] * self.spec.scale
        return frames[..., :height, :width]

    @abstractmethod
    def render(self, clip: Float[Tensor, "b t c h w"], times: Times) -> Float[Tensor, "b s c H W"]:
        """As ``forward``, for sizes that are multiples of ``spec.multiple_of`` and inputs that were checked."""

    def training_forward(self, clip: Float[Tensor, "b t c h w"], times: Times) -> TrainingOutput:
        """As ``forward``, with whatever the network's own losses need beside the frames."""
        return TrainingOutput(frames=self(clip, times))

    def check(self, clip: Float[Tensor, "b t c h w"], times: Times) -> None:
        """Raise where this network cannot serve the request."""
        name, spec, count = type(self).__name__, self.spec, clip.shape[1]
        if count < spec.min_frames or (spec.max_frames is not None and count > spec.max_frames):
            least, most = spec.min_frames, spec.max_frames
            wanted = f"at least {least}" if most is None else str(least) if least == most else f"{least} to {most}"
            raise SettingsError(
                f"{name} takes {wanted} frames at once, but {count} were given. "
                f"Cut the film into windows, as `stvsr enhance` does."
            )
        if not times:
            raise UnsupportedTimeError(f"{name} was asked to render no instant at all. Give at least one time.")
        for before, after in zip(times, list(times)[1:], strict=False):
            if not before < after:
                raise UnsupportedTimeError(f"Times must ascend, but {before} comes before {after}. Sort them.")
        if times[0] < 0 or times[-1] > count - 1:
            raise UnsupportedTimeError(
                f"{count} input frames span the times 0 to {count - 1}, but {times[0]} to {times[-1]} was asked for."
            )
        if spec.step is not None:
            for time in times:
                if Fraction(time) % spec.step:
                    raise UnsupportedTimeError(
                        f"{name} renders instants in steps of {spec.step} frame, but {time} was asked for. "
                        f"Round it, or pick a network with free time such as 'unison-s'."
                    )


@runtime_checkable
class AlongFlow(Protocol):
    """A network that can be given the flow, in place of its own."""

    def training_along(
        self,
        clip: Float[Tensor, "b t c h w"],
        times: Times,
        forth: Float[Tensor, "b p 2 h w"],
        back: Float[Tensor, "b p 2 h w"],
    ) -> TrainingOutput:
        """As ``training_forward``, along a flow that is known: so features learn to travel before the network's own
        flow can be trusted. forth, back: from each input frame to the next and back, pixels."""
        ...


@runtime_checkable
class Grows(Protocol):
    """A network that can begin where a smaller one of its kind ended."""

    def grow_from(self, small: Network) -> None:
        """Compute what the smaller one computes. Raises SettingsError for another kind."""
        ...


def pad_to_multiple(clip: Float[Tensor, "b t c h w"], multiple: int) -> Float[Tensor, "b t c h2 w2"]:
    """Repeat the last row and column until height and width are multiples; the output is cropped afterwards."""
    bottom, right = -clip.shape[-2] % multiple, -clip.shape[-1] % multiple
    if not bottom and not right:
        return clip
    return F.pad(clip, (0, right, 0, bottom, 0, 0), mode="replicate")


def check_choices(config: object) -> None:
    """Raise SettingsError where a field of a dataclass declared as ``Literal`` holds anything else."""
    for name, declared in get_type_hints(type(config)).items():
        value = getattr(config, name)
        if get_origin(declared) is Literal and value not in get_args(declared):
            choices = ", ".join(repr(choice) for choice in get_args(declared))
            raise SettingsError(f"{name} cannot be {value!r}. Choose one of: {choices}.")
