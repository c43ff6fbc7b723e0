"""Shows that jobs cannot be lost: ``python benchmarks/jobs.py [--kills 20] [--minutes 120] [--work FOLDER]``.

First a job is killed with SIGKILL at random moments, started again each time with the same command, and its film is
compared with an uninterrupted one, packet by packet and frame by frame. Then a long synthetic film at small size with
sound is enhanced, while the memory of the process and the room on disk are watched.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

SIZE, RATE = (48, 32), 12
"""Small and choppy, so that two hours of it fit into one."""
SCENE = 7 * RATE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--work", type=Path, default=None, help="an empty folder (default: a temporary one)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.work) as folder:
        if asked.kills:
            table("killed", kills(Path(folder), asked.kills))
        if asked.minutes:
            table("long film", long_film(Path(folder), asked.minutes))


def table(title: str, rows: dict[str, object]) -> None:
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<34}{value}")


def kills(folder: Path, count: int) -> dict[str, object]:
    """Kill one job so often, at moments spread over its whole length."""
    source, target = folder / "source.mkv", folder / "killed.mp4"
    make_film(source, seconds=30)
    began = time.perf_counter()
    subprocess.run(command(source, folder / "whole.mp4"), check=True, capture_output=True)
    alone, lots = time.perf_counter() - began, random.Random(0)
    killed, again, finished = 0, 0, 0
    while not target.exists():
        process = subprocess.Popen(command(source, target), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wanted = finished + lots.randint(0, 1)
        while killed < count and process.poll() is None and done(folder) < wanted:
            time.sleep(0.02)
        if killed < count:
            time.sleep(lots.uniform(0, 0.02 * alone))
            process.kill()
        _, said = process.communicate()
        killed += process.returncode == -signal.SIGKILL
        if process.returncode not in (0, -signal.SIGKILL):
            raise SystemExit(said.decode())
        again += 0 if done(folder) >= finished else 1
        finished = max(finished, done(folder))
    return {
        "kills": killed,
        "segments": finished,
        "starts that had lost a segment": again - target.exists(),
        "identical packets and frames": content(target) == content(folder / "whole.mp4"),
        "left behind": [path.name for path in folder.iterdir() if path.name.startswith(".")],
    }


def long_film(folder: Path, minutes: float) -> dict[str, object]:
    """Enhance a long film, and watch."""
    source, target = folder / "long.mkv", folder / "long.mp4"
    make_film(source, seconds=round(minutes * 60))
    before, memory, disk = room(folder), [], 0
    process = subprocess.Popen(command(source, target, segment=120), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    watched, began = psutil.Process(process.pid), time.perf_counter()
    while process.poll() is None:
        disk = max(disk, room(folder) - before)
        try:
            memory.append(watched.memory_info().rss)
        except psutil.Error:
            break
        time.sleep(0.5)
    result = json.loads(process.communicate()[0])
    early, late = (
        max(memory[slice(*part)]) / 2**20 for part in ((len(memory) // 10, len(memory) // 4), (-len(memory) // 4, None))
    )
    return {
        "film": f"{minutes:g} minutes, {result['frames_in']} frames became {result['frames_out']}",
        "seconds": round(time.perf_counter() - began),
        "proven": result["verify"]["ok"],
        "sound ends after the picture, frames": f"{drift(target):.2f}",
        "memory early and late, MB": f"{early:.0f}, {late:.0f}",
        "most room on disk, MB": f"{disk / 1e6:.1f}, {disk / target.stat().st_size:.3f} of the finished film",
    }


def command(source: Path, target: Path, segment: int = 20) -> list[str]:
    options = ["--scale", "2", "--network", "bicubic", "--segment", str(segment), "--json"]
    return [sys.executable, "-m", "stvsr", "enhance", str(source), str(target), *options]


def done(folder: Path) -> int:
    """How many segments are finished."""
    return sum(1 for _ in folder.glob(".killed.mp4.job/[0-9]*.json"))


def room(folder: Path) -> int:
    """Bytes on disk under a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_blocks * 512
        except OSError:
            continue
    return total


def drift(film: Path) -> float:
    """How much later the sound ends than the picture, in frames out."""
    with av.open(str(film)) as container:
        ends = {}
        for packet in container.demux():
            if packet.pts is not None and packet.size:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                ends[packet.stream.type] = max(ends.get(packet.stream.type, Fraction(0)), end)
    return float((ends["audio"] - ends["video"]) * RATE * 2)


def content(film: Path) -> list[object]:
    """Every packet with its times, and every decoded frame."""
    with av.open(str(film)) as container:
        packets = [(p.stream_index, p.pts, p.dts, p.duration, bytes(p)) for p in container.demux() if p.size]
    with av.open(str(film)) as container:
        return [*packets, *((frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(video=0))]


def make_film(path: Path, seconds: int) -> None:
    """Noise that glides, with a cut every seven seconds, and a sine."""
    with av.open(str(path), "w") as output:
        video = output.add_stream("libx264", rate=RATE, options={"crf": "12", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        sound = output.add_stream("aac", rate=48000)
        sound.codec_context.layout = "mono"
        voice = sine(sound, seconds)
        for number, picture in enumerate(pictures(seconds)):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            output.mux(video.encode(frame))
            if number % RATE == 0:
                output.mux(next(voice))
        output.mux(video.encode(None))
        output.mux(sound.encode(None))


def pictures(seconds: int) -> Iterator[np.ndarray]:
    scene = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    for number in range(seconds * RATE):
        if number % SCENE == 0:
            coarse = np.random.default_rng(number).integers(0, 255, (SIZE[1] // 4, SIZE[0] // 4, 3), dtype=np.uint8)
            scene = np.kron(coarse, np.ones((4, 4, 1), np.uint8))
        yield np.ascontiguousarray(np.roll(scene, number % SCENE, axis=1))


def sine(sound: av.AudioStream, seconds: int) -> Iterator[list[av.Packet]]:
    """One second of packets at a time."""
    for second in range(seconds):
        packets = []
        for first in range(second * 48000, (second + 1) * 48000, 1000):
            wave = (8000 * np.sin(np.arange(first, first + 1000) * 2 * np.pi * 440 / 48000)).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
            packets += sound.encode(frame)
        yield packets


if __name__ == "__main__":
    main()
