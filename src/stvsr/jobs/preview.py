"""One page to judge by: the hardest seconds of a film, rendered by several networks, side by side.

The film is read once to find where each shot moves and has the most detail, and again for each moment shown. What is
rendered is a crop, so that a page takes minutes and a few megabytes; the estimate for the whole film is scaled up.
"""

import base64
import html
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from stvsr.clip import Frame
from stvsr.errors import InputError, OutputError, SettingsError
from stvsr.evaluation.figures import liveliest_place, temporal_profile
from stvsr.inference import RenderReport, RenderSettings, Target, render
from stvsr.jobs.hardest import Moment, moments_of
from stvsr.networks import NETWORKS
from stvsr.ops.resize import resize_to
from stvsr.video import VideoReader
from stvsr.weights.catalog import everyday_networks, load_network, ready_scales

WIDEST, HIGHEST = 320, 180
"""Of the crop that is rendered, in input pixels."""
LARGEST_SIDE = 1280
"""Of the embedded films, in pixels: what a phone still plays twice at once."""
PAGE = Path(__file__).with_name("preview.html")


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewSettings:
    """What to show. scale and times are those of the whole job. shots: the hardest so many. networks: by default
    ``bicubic`` and all that have weights. Raises SettingsError for a number of shots or a scale that cannot work."""

    scale: int = 4
    times: int = 2
    shots: int = 3
    networks: tuple[str, ...] = ()
    render: RenderSettings = field(default_factory=RenderSettings)

    def __post_init__(self) -> None:
        if self.shots < 1:
            raise SettingsError(f"A preview shows at least 1 shot, but {self.shots} was asked for. Try 3.")
        if not 1 <= self.scale <= 8:
            raise SettingsError(f"A scale of {self.scale} was asked for. Choose 1 to 8.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a network would take for the whole film, measured on the crops."""

    network: str
    parameters: int
    seconds_per_frame: float
    """For one full-size frame out."""
    seconds: float
    """For the whole film, of computing alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewResult:
    """What lies on the page."""

    output: Path
    moments: tuple[Moment, ...]
    costs: tuple[Cost, ...]
    bytes: int


def preview(
    source: str | Path,
    target: Path | None = None,
    settings: PreviewSettings | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
) -> PreviewResult:
    """Write a page that needs nothing else: no network, no other files. target: by default beside the source.

    Raises InputError for a source without pictures, OutputError where the page exists or cannot be written.
    """
    settings, source = settings or PreviewSettings(), Path(source)
    target = target or source.with_name(f"{source.stem}.preview.html")
    if target.exists():
        raise OutputError(f"{target} is there already. Give another name with --output.")
    names = settings.networks or everyday_networks()
    for name in names:
        load_network(name, network_scale(name, settings.scale))  # what is missing is said before the work begins
    moments, frames_in, size = hardest_moments(source, settings.shots)
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    scenes = []
    for moment in moments:
        say(f"{float(moment.begin):.1f} to {float(moment.end):.1f} s: {', '.join(names)}")
        frames = list(crop(taken(source, moment)))
        films = {}
        for name in names:
            pictures, seconds = rendered(frames, name, settings)
            spent[name].append((seconds / len(pictures), frames[0].image.shape[-2:].numel()))
            films[name] = embedded(pictures, len(pictures) / (moment.end - moment.begin))
        scenes.append({"from": float(moment.begin), "to": float(moment.end), "films": films})
    costs = tuple(
        cost_of(name, settings.scale, spent[name], pixels=size[0] * size[1], frames=frames_in * settings.times)
        for name in names
    )
    page = filled(source.name, size, settings, scenes, costs)
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{target} could not be written: {error.strerror}. Give another --output.") from error
    return PreviewResult(output=target, moments=moments, costs=costs, bytes=target.stat().st_size)


def hardest_moments(source: Path, count: int) -> tuple[tuple[Moment, ...], int, tuple[int, int]]:
    """The hardest stretch of each of the hardest shots in the order of the film, the film's frames, and its size."""
    frames_in, size = 0, (0, 0)

    def counted(frames: Iterable[Frame]) -> Iterator[Frame]:
        nonlocal frames_in, size
        for frame in frames:
            frames_in, size = frames_in + 1, (frame.image.shape[-1], frame.image.shape[-2])
            yield frame

    with VideoReader(source) as reader:
        best = list(moments_of(counted(reader.frames())))
    if not best:
        raise InputError(f"{source} holds no picture that can be decoded. Check that it plays elsewhere.")
    chosen = sorted(best, key=lambda moment: -moment.hardness)[:count]
    return tuple(sorted(chosen, key=lambda moment: moment.begin)), frames_in, size


def taken(source: Path, moment: Moment) -> Iterator[Frame]:
    with VideoReader(source) as reader:
        for frame in reader.frames():
            if frame.time >= moment.end:
                return
            if frame.time >= moment.begin:
                yield frame


def crop(frames: Iterable[Frame]) -> Iterator[Frame]:
    """The liveliest part, no larger than ``WIDEST`` x ``HIGHEST``."""
    frames = list(frames)
    height, width = frames[0].image.shape[-2:]
    rows, columns = min(height, HIGHEST), min(width, WIDEST)
    left, top = liveliest_place(as_bytes(torch.stack([frame.image for frame in frames])))
    y, x = min(int(top * height), height - rows), min(int(left * width), width - columns)
    for frame in frames:
        image = frame.image[:, y : y + rows, x : x + columns].contiguous()
        yield Frame(image=image, time=frame.time, duration=frame.duration)


def network_scale(name: str, scale: int) -> int:
    """The scale at which a network is used for this one, as in ``enhance``."""
    scales = ready_scales(name) or (scale,)  # loading it will say what is missing
    return next((own for own in scales if own >= scale), scales[-1])


def rendered(frames: Sequence[Frame], name: str, settings: PreviewSettings) -> tuple[UInt8[Tensor, "s c H W"], float]:
    """The pictures, no larger than ``LARGEST_SIDE``, and the seconds that the network took."""
    report = RenderReport()
    network = load_network(name, network_scale(name, settings.scale))
    height, width = (settings.scale * side for side in frames[0].image.shape[-2:])
    shrink = min(1, LARGEST_SIDE / max(height, width))
    height, width = (max(2, 2 * round(side * shrink / 2)) for side in (height, width))  # H.264 wants even sizes
    pictures = []
    for frame in render(frames, network, Target(factor=settings.times), settings.render, report):
        pictures.append(as_bytes(resize_to(frame.image, height, width).clamp(0, 1)))
    return torch.stack(pictures), report.seconds


def embedded(pictures: UInt8[Tensor, "s c H W"], rate: Fraction) -> dict[str, str]:
    """A film and its temporal profile, as data URIs."""
    left, _ = liveliest_place(pictures)
    profile = rearrange(temporal_profile(pictures, left + 0.1), "c h t -> h t c").numpy()
    stored = io.BytesIO()
    Image.fromarray(profile).resize((max(240, profile.shape[1]), 180), Image.Resampling.NEAREST).save(stored, "png")
    return {"film": uri("video/mp4", as_mp4(pictures, rate)), "profile": uri("image/png", stored.getvalue())}


def as_mp4(pictures: UInt8[Tensor, "s c H W"], rate: Fraction) -> bytes:
    """H.264 as every browser plays it."""
    stored = io.BytesIO()
    rate = Fraction(rate).limit_denominator(1001)
    with av.open(stored, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=rate, options={"crf": "18", "preset": "veryfast"})
        stream.height, stream.width = pictures.shape[-2:]
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 1, 1
        for picture in pictures:
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(rearrange(picture, "c h w -> h w c").numpy()))
            planes = image.reformat(format="yuv420p", dst_colorspace=1, src_color_range=2, dst_color_range=1, threads=1)
            output.mux(stream.encode(planes))
        output.mux(stream.encode(None))
    return stored.getvalue()


def uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def as_bytes(images: Float[Tensor, "*n c h w"]) -> UInt8[Tensor, "*n c h w"]:
    return (255 * images).round().to(torch.uint8)


def cost_of(name: str, scale: int, spent: Sequence[tuple[float, float]], *, pixels: int, frames: int) -> Cost:
    """Scaled from the crops (seconds for a frame, pixels of input) to whole frames; the fastest crop counts."""
    per_frame = min(seconds / area for seconds, area in spent) * pixels
    with torch.device("meta"):
        parameters = sum(p.numel() for p in NETWORKS[name](scale=network_scale(name, scale)).parameters())
    return Cost(network=name, parameters=parameters, seconds_per_frame=per_frame, seconds=per_frame * frames)


def filled(
    title: str, size: tuple[int, int], settings: PreviewSettings, scenes: list[dict], costs: Sequence[Cost]
) -> str:
    """The page. Names of files may hold anything, so nothing of them is taken for HTML."""
    rows = "".join(
        f"<tr><th scope=row>{html.escape(cost.network)}</th><td>{cost.parameters:,}</td>"
        f"<td>{cost.seconds_per_frame:.2f} s</td><td>{spoken(cost.seconds)}</td></tr>"
        for cost in costs
    )
    words = {
        "TITLE": html.escape(title),
        "SIZE": f"{size[0]}x{size[1]}",
        "SCALE": str(settings.scale),
        "TIMES": str(settings.times),
        "CROP": f"{min(WIDEST, size[0])}x{min(HIGHEST, size[1])}",
        "ROWS": rows,
        "SCENES": json.dumps(scenes).replace("</", "<\\/"),
    }
    page = PAGE.read_text(encoding="utf-8")
    for word, value in words.items():
        page = page.replace(f"@{word}@", value)
    return page


def spoken(seconds: float) -> str:
    """``3 h 12 min``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
