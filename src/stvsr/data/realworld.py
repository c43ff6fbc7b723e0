"""What happens to real video before anyone wants it larger: blur, careless resizing, noise, dirt, compression.

A network trained on bicubic alone takes each of these for detail. What one clip suffers is drawn once where it is the
camera's or the encoder's (blur, resizing, strength of the noise, quality) and per frame where it is chance (the noise
itself, spots, flicker). Orders and ranges after Wang et al., "Real-ESRGAN" (2021), milder, and Chan et al.,
"Investigating Tradeoffs in Real-World Video Super-Resolution" (2022), who add the codecs.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn import functional as F

from stvsr.data.degrade import from_bytes, round_to_8_bits, to_bytes
from stvsr.data.dirt import FilmDirt
from stvsr.data.source import mirrored
from stvsr.errors import SettingsError
from stvsr.ops.resize import resize_to

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RealWorld:
    """Ranges are drawn from evenly; probabilities are per clip."""

    blur: Range = (0.1, 0.7)
    """Standard deviation of the Gaussian, in pixels of the small picture, along each of its axes."""
    round_blur: float = 0.5
    """Probability of both axes being equal; otherwise the Gaussian is oblong and lies at any angle."""
    resizing: tuple[str, ...] = ("bicubic", "bilinear", "area", "aliased")
    two_steps: float = 0.3
    """Probability of an arbitrary size in between."""
    noise: Range = (0.0, 8.0)
    """Standard deviation of what does not depend on brightness, levels of 8 bits."""
    shot_noise: Range = (0.0, 8.0)
    """Standard deviation, at white, of what grows with the root of brightness, as photons' number does."""
    grey_noise: float = 0.5
    """Probability of noise without colour."""
    film: float = 0.1
    """Probability of dirt."""
    dirt: FilmDirt = field(default_factory=FilmDirt)
    compressed: float = 0.9
    codecs: tuple[str, ...] = ("libx264", "libx265")
    crf: Range = (16.0, 32.0)
    """Constant rate factor: 18 can hardly be told from the original, 32 is a bad stream."""

    def __post_init__(self) -> None:
        ranges = {"blur": self.blur, "noise": self.noise, "shot_noise": self.shot_noise, "crf": self.crf}
        wrong = [name for name, (low, high) in ranges.items() if not 0 <= low <= high]
        if wrong:
            raise SettingsError(f"{wrong[0]} must be a range from low to high, not {ranges[wrong[0]]}.")
        unknown = [name for name in self.resizing if name not in RESIZING]
        if unknown or not self.resizing:
            raise SettingsError(f"resizing must name some of {', '.join(RESIZING)}, not {self.resizing}.")
        if not self.codecs or not set(self.codecs) <= set(DECODERS):
            raise SettingsError(f"codecs must name some of {', '.join(DECODERS)}, not {self.codecs}.")

    def __call__(
        self, frames: Float[Tensor, "t c H W"], scale: int, random: np.random.Generator
    ) -> Float[Tensor, "t c h w"]:
        """Frames of one clip, made small and bad; multiples of 1/255."""
        height, width = frames.shape[-2] // scale, frames.shape[-1] // scale
        small = self.resized(self.blurred(frames, scale, random), height, width, random).clamp(0, 1)
        small = self.noisy(small, random)
        if random.random() < self.film:
            small = self.dirt(small, random)
        small = round_to_8_bits(small)
        if random.random() < self.compressed:
            codec, crf = str(random.choice(self.codecs)), float(random.uniform(*self.crf))
            small = from_bytes(compress(to_bytes(small), codec, crf))
        return small

    def blurred(
        self, frames: Float[Tensor, "t c h w"], scale: int, random: np.random.Generator
    ) -> Float[Tensor, "t c h w"]:
        """By one Gaussian for the whole clip."""
        along, across = random.uniform(*self.blur, 2) * scale
        angle = random.uniform(0, math.pi)
        if random.random() < self.round_blur:
            across = along
        kernel = gaussian(float(along), float(across), float(angle))
        reach = min(kernel.shape[-1] // 2, *(side - 1 for side in frames.shape[-2:]))
        middle = kernel.shape[-1] // 2
        kernel = kernel[middle - reach : middle + reach + 1, middle - reach : middle + reach + 1]
        kernel = (kernel / kernel.sum()).to(frames).expand(frames.shape[1], 1, -1, -1)
        return F.conv2d(F.pad(frames, [reach] * 4, "reflect"), kernel, groups=frames.shape[1])

    def resized(
        self, frames: Float[Tensor, "t c h w"], height: int, width: int, random: np.random.Generator
    ) -> Float[Tensor, "t c h2 w2"]:
        """By one kernel, or two after each other, for the whole clip; every kernel keeps the centre in place."""
        if random.random() < self.two_steps:
            between = random.uniform(0.8, frames.shape[-2] / height)  # a little below the final size is common too
            frames = RESIZING[str(random.choice(self.resizing))](
                frames, max(1, round(height * between)), max(1, round(width * between))
            )
        return RESIZING[str(random.choice(self.resizing))](frames, height, width)

    def noisy(self, frames: Float[Tensor, "t c h w"], random: np.random.Generator) -> Float[Tensor, "t c h w"]:
        """Noise of one strength, every frame's own."""
        steady, shot = random.uniform(*self.noise) / 255, random.uniform(*self.shot_noise) / 255
        colours = 1 if random.random() < self.grey_noise else frames.shape[1]
        shape = (frames.shape[0], colours, *frames.shape[-2:])
        drawn = torch.from_numpy(random.standard_normal(shape, dtype=np.float32))
        return (frames + drawn * (steady**2 + shot**2 * frames).sqrt()).clamp(0, 1)


def gaussian(along: float, across: float, angle: float) -> Float[Tensor, "k k"]:
    """Sampled out to three standard deviations; sums to 1."""
    along, across = max(along, 0.05), max(across, 0.05)
    reach = max(1, math.ceil(3 * max(along, across)))
    place = torch.arange(-reach, reach + 1, dtype=torch.float64)
    y, x = torch.meshgrid(place, place, indexing="ij")
    first, second = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
    kernel = (-0.5 * ((first / along) ** 2 + (second / across) ** 2)).exp()
    return kernel / kernel.sum()


RESIZING: dict[str, Callable[[Tensor, int, int], Tensor]] = {
    "bicubic": resize_to,
    "bilinear": lambda frames, height, width: F.interpolate(
        frames, (height, width), mode="bilinear", align_corners=False, antialias=True
    ),
    "area": lambda frames, height, width: F.interpolate(frames, (height, width), mode="area"),
    "aliased": lambda frames, height, width: F.interpolate(
        frames, (height, width), mode="bicubic", align_corners=False
    ),
}
"""As programs do it; "aliased" is bicubic that does not look at the pixels in between, as cheap scalers."""

DECODERS = {"libx264": "h264", "libx265": "hevc"}
OPTIONS = {
    "libx264": {"preset": "veryfast", "threads": "1"},
    # one thread and no pool: the same bytes every time
    "libx265": {"preset": "veryfast", "x265-params": "log-level=none:pools=none:frame-threads=1:wpp=0:ctu=32"},
}
LEAST_SIDE = 64
"""Narrower pictures are mirrored up to this: x265 writes beyond its memory below 50 pixels of width."""


def compress(frames: UInt8[Tensor, "t c h w"], codec: str, crf: float) -> UInt8[Tensor, "t c h w"]:
    """Encode and decode a clip as 4:2:0 at a constant rate factor."""
    height, width = frames.shape[-2:]
    rows, columns = (mirrored(range(max(LEAST_SIDE, side + side % 2)), side) for side in (height, width))
    padded = frames[..., rows[:, None], columns]
    encoder = av.CodecContext.create(codec, "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = padded.shape[-1], padded.shape[-2], "yuv420p"
    encoder.framerate = Fraction(25)
    encoder.time_base = 1 / encoder.framerate
    encoder.options = OPTIONS[codec] | {"crf": f"{crf:.1f}"}
    decoder = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(decoder, av.VideoCodecContext)
    decoder.thread_count = 1
    packets: list[av.Packet] = []
    for number, picture in enumerate(padded):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture.permute(1, 2, 0)), format="rgb24")
        frame = frame.reformat(format="yuv420p", threads=1)
        frame.pts = number
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoded = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    assert len(decoded) == len(frames), "the encoder lost a frame"
    pictures = [torch.from_numpy(frame.to_ndarray(format="rgb24", threads=1)) for frame in decoded]
    return torch.stack(pictures).permute(0, 3, 1, 2)[..., :height, :width]
