"""Broken films on purpose: ``python fuzz_media.py FOLDER SEED COUNT`` feeds them to the command, in this process.

Prints a line for everything that must not happen: a mistake of ours, a hang, a file left behind. A crash of the whole
process shows as its exit status.
"""

import contextlib
import io
import random
import signal
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from made_clips import Sound, make_film
from stvsr.cli.main import main

LONGEST = 60
"""Seconds for one command."""
MUTATIONS: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "truncated": lambda lots, data: data[: lots.randrange(len(data))],
    "flipped": lambda lots, data: with_bytes(
        lots, data, lots.choice((1, 4, 40)), lambda old: old ^ 1 << lots.randrange(8)
    ),
    "overwritten": lambda lots, data: with_bytes(lots, data, lots.choice((1, 8, 200)), lambda _: lots.randrange(256)),
    "blanked": lambda lots, data: without(lots, data, lambda size: bytes(size)),
    "cut out": lambda lots, data: without(lots, data, lambda _: b""),
    "doubled": lambda lots, data: without(lots, data, lambda size: data[:size] * 2),
    "headless": lambda lots, data: data[lots.randrange(1, 64) :],
}


def with_bytes(lots: random.Random, data: bytes, count: int, change: Callable[[int], int]) -> bytes:
    """Some bytes changed; half the time near the front, where the facts about the film are."""
    changed = bytearray(data)
    reach = lots.choice((len(data), min(len(data), 600)))
    for _ in range(count):
        at = lots.randrange(reach)
        changed[at] = change(changed[at])
    return bytes(changed)


def without(lots: random.Random, data: bytes, instead: Callable[[int], bytes]) -> bytes:
    """A stretch taken out, and something else put there."""
    start, size = lots.randrange(len(data)), lots.randrange(1, 1 + len(data) // 4)
    return data[:start] + instead(size) + data[start + size :]


def films(folder: Path) -> list[Path]:
    """One of each common kind, as small as can be."""
    small = {"count": 8, "size": (32, 24)}
    return [
        make_film(folder / "a.mp4", sounds=(Sound(),), **small),
        make_film(folder / "b.mkv", codec="ffv1", subtitles=((Fraction(0), Fraction(1, 4), "Hm"),), **small),
        make_film(folder / "c.ts", codec="mpeg2video", **small),
        make_film(folder / "d.avi", codec="mpeg4", colours="bt601", **small),
        make_film(folder / "e.webm", codec="libvpx-vp9", sounds=(Sound(codec="libopus"),), **small),
    ]


def troubles(folder: Path, seed: int, count: int) -> None:
    """Print what must not happen."""
    signal.signal(signal.SIGALRM, hang)
    (folder / "whole").mkdir(parents=True)
    sources = films(folder / "whole")
    for number in range(count):
        lots = random.Random(f"{seed} {number}")
        source, kind = lots.choice(sources), lots.choice(list(MUTATIONS))
        place = folder / str(number)
        place.mkdir()
        broken = place / source.name
        broken.write_bytes(MUTATIONS[kind](lots, source.read_bytes()))
        target = place / "out.mkv"
        options = ("--scale", "1", "--network", "bicubic", "--codec", "ffv1", "--json")
        for arguments in (("inspect", str(broken), "--json"), ("enhance", str(broken), str(target), *options)):
            code, said = run(arguments)
            left = {path.name for path in place.iterdir()} - {broken.name}
            expected = {"out.mkv"} if code == 0 and arguments[0] == "enhance" else set()
            expected |= {"out.unproven.mkv"} if "out.unproven.mkv" in said else set()
            if code not in (0, 1) or left != expected or "Traceback" in said:
                print(f"{number} {kind} {source.name} {arguments[0]}: code {code}, left {sorted(left)}: {said[-300:]}")


def run(arguments: tuple[str, ...]) -> tuple[int, str]:
    said = io.StringIO()
    signal.alarm(LONGEST)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            return main(arguments), said.getvalue()
    finally:
        signal.alarm(0)


def hang(*_: object) -> None:
    raise TimeoutError(f"no end after {LONGEST} seconds")


if __name__ == "__main__":
    troubles(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
