"""``stvsr inspect``: what a film is, and what may be wrong with it."""

from dataclasses import asdict
from pathlib import Path

import typer

from stvsr.cli import console


def inspect(
    source: Path = typer.Argument(help="A video file or a folder of pictures."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object on stdout."),
) -> None:
    """Tell what a film is, and what may be wrong with it. Every packet is read, one picture is decoded."""
    from stvsr.video.probe import probe

    info = probe(source, thorough=True)
    if as_json:
        console.emit(asdict(info))
        return
    rate = "unknown" if info.average_rate is None else f"{float(info.average_rate):.6g} per second"
    length = "unknown" if info.duration is None else f"{float(info.duration):.3f} s"
    facts = [
        ("file", f"{info.path} ({info.container})"),
        ("picture", f"{info.codec}, {info.width}x{info.height}, {info.pixel_format}, {info.bit_depth} bit"),
        ("colour", str(info.colour)),
        ("frames", f"{info.frame_count or 'an unknown number'}, {rate}{'' if info.constant_rate else ' on average'}"),
        ("length", f"{length}, from {float(info.start_time):.3f} s on"),
        *(
            (stream.kind, " ".join(filter(None, (stream.codec, stream.language, stream.title))))
            for stream in info.streams
        ),
        *(("chapter", f"{float(chapter.start):.3f} s: {chapter.title}") for chapter in info.chapters),
        *(("remark", remark) for remark in info.remarks),
    ]
    console.table(("", ""), facts)
