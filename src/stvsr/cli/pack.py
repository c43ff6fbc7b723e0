"""``stvsr pack``."""

from pathlib import Path

import typer

from stvsr.cli import console


def pack(
    data: Path = typer.Argument(help="Whatever `stvsr train --data` takes."),
    target: Path = typer.Argument(help="The pack, NAME.pack."),
    clips: int = typer.Option(250, "--clips", help="How many are cut."),
    frames: int = typer.Option(13, "--frames", help="Of each clip, odd; 13 serve two lengths of steps."),
    size: int = typer.Option(192, "--size", help="Side of the clips in pixels, even; training crops are cut from it."),
    crf: int = typer.Option(5, "--crf", help="Lower is truer and larger: 5 costs 200 KB per clip at 48.8 dB."),
    seed: int = typer.Option(0, "--seed", help="The same seed cuts the same clips."),
    as_json: bool = typer.Option(False, "--json", help="Print one JSON object."),
) -> None:
    """Cut clips for training and put them into one file of some tens of megabytes, to take to another machine.

    Train from it with `stvsr train RECIPE --data NAME.pack`.
    """
    from stvsr.training.run import training_extra

    with training_extra():
        from stvsr.data.open import open_source
        from stvsr.data.pack import Packing
        from stvsr.data.pack import pack as write_pack

    packing = Packing(clips=clips, frames=frames, size=(size, size), crf=crf, seed=seed)
    write_pack(open_source(data, report=console.say), target, packing, report=console.say)
    packed = target.stat().st_size
    if as_json:
        console.emit({"pack": str(target), "clips": clips, "bytes": packed, "raw_bytes": packing.raw_bytes})
    else:
        console.say(f"{target}: {clips} clips, {packed / 1e6:.1f} MB; raw {packing.raw_bytes / 1e6:.1f} MB")
