"""What someone may ask for from afar: options of ``stvsr enhance``, checked before the job waits in line."""

from fractions import Fraction
from pathlib import PurePath
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from stvsr.errors import OutputError, SettingsError
from stvsr.inference import Target
from stvsr.inference.timeline import MOST_TIMES
from stvsr.jobs.plan import LARGEST_SIDE, SCALES
from stvsr.networks import NETWORKS
from stvsr.video.codecs import CODECS, choose_codec

WORST_QUALITY = max(codec.worst_quality for codec in CODECS.values())
CONTAINERS = ("mp4", "mkv", "mov", "webm")
RATE = r"^[0-9]{1,6}(\.[0-9]{1,6}|/[0-9]{1,6})?$"


class Order(BaseModel):
    """The options of `stvsr enhance`, with the same meaning and defaults. Device, precision and tiles are the server's.

    Raises SettingsError for options that contradict each other, pydantic's ValidationError for values that are none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: Annotated[
        Literal[*NETWORKS] | None,  # pyright: ignore[reportInvalidTypeForm]  # the dict says which there are
        Field(description="See `stvsr networks`; by default `unison-s` where its weights are, else `bicubic`."),
    ] = None
    scale: Annotated[
        int | None, Field(ge=SCALES[0], le=SCALES[-1], description="Enlargement of width and height; by default 4.")
    ] = None
    height: Annotated[
        int | None, Field(ge=2, le=LARGEST_SIDE, description="Instead of a scale: the result's height in pixels.")
    ] = None
    times: Annotated[
        int | None, Field(ge=1, le=MOST_TIMES, description="Frames out for each frame in; by default 2.")
    ] = None
    fps: Annotated[
        str | None, Field(pattern=RATE, description="Instead: a constant rate, `60`, `59.94` or `24000/1001`.")
    ] = None
    keep_fps: Annotated[bool, Field(description="Instead: no new frames.")] = False
    slow_motion: Annotated[
        int, Field(ge=1, le=MOST_TIMES, description="So many times slower, with as many more frames, without sound.")
    ] = 1
    drop_duplicates: Annotated[bool, Field(description="Render repeated pictures anew.")] = False
    codec: Annotated[
        Literal[*CODECS] | None,  # pyright: ignore[reportInvalidTypeForm]
        Field(description="By default what the container usually holds."),
    ] = None
    quality: Annotated[
        int | None, Field(ge=0, le=WORST_QUALITY, description="The codec's constant rate factor; smaller is better.")
    ] = None
    container: Annotated[
        Literal[*CONTAINERS] | None,  # pyright: ignore[reportInvalidTypeForm]
        Field(description="By default the source's own where it is one of these, else `mkv`."),
    ] = None

    @model_validator(mode="after")
    def contradicts_nothing(self) -> "Order":
        timings = [name for name in ("times", "fps", "keep_fps") if getattr(self, name)]
        sizes = [name for name in ("scale", "height") if getattr(self, name)]
        for named in (timings, sizes):
            if len(named) > 1:
                raise SettingsError(f"{' and '.join(named)} contradict each other. Give one of them.")
        try:
            rate = None if self.fps is None else Fraction(self.fps)
        except ZeroDivisionError as error:
            raise SettingsError(f"{self.fps!r} is not a frame rate. Try 60, 59.94 or 24000/1001.") from error
        Target(factor=self.times or 1, fps=rate, slow_motion=self.slow_motion)
        return self

    def ending(self, source: str) -> str:
        """How the result's name ends, dot included. Raises OutputError where that cannot hold what was asked for."""
        own = PurePath(source).suffix.lower().removeprefix(".")
        ending = f".{self.container or (own if own in CONTAINERS else 'mkv')}"
        codec, _ = choose_codec(self.codec, ending)
        if self.quality is not None and (codec.quality is None or self.quality > codec.worst_quality):
            reach = "has no quality to choose" if codec.quality is None else f"takes 0 (best) to {codec.worst_quality}"
            raise OutputError(f"{codec.encoder} {reach}, but quality {self.quality} was asked for.")
        return ending

    def arguments(self) -> list[str]:
        """The same, as the command line takes it."""
        asked = self.model_dump(include=set(Order.model_fields) - {"container"}, exclude_defaults=True)
        return [
            f"--{name.replace('_', '-')}" if value is True else f"--{name.replace('_', '-')}={value}"
            for name, value in asked.items()
        ]
