"""Whatever is wrong with what the user gave: one clear message, a failing exit code, and nothing left behind."""

import errno
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from made_clips import BAD_CLIPS, MADE_CLIPS, make_film

QUICK = ("--scale", "1", "--network", "bicubic")


def tree(folder: Path) -> dict[str, bytes]:
    """Every file in a folder, and what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def missing(folder: Path) -> Path:
    return folder / "nowhere.mp4"


def empty(folder: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def without_frames(folder: Path) -> Path:
    with av.open(str(folder / "none.mkv"), "w") as output:
        stream = output.add_stream("ffv1", rate=24)
        stream.codec_context.width, stream.codec_context.height, stream.codec_context.pix_fmt = 64, 48, "yuv420p"
        output.start_encoding()
    return folder / "none.mkv"


def empty_folder(folder: Path) -> Path:
    (folder / "pictures").mkdir()
    return folder / "pictures"


def noise(folder: Path) -> Path:
    (folder / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(20000))
    return folder / "noise.mp4"


def under_a_file(folder: Path) -> Path:
    return MADE_CLIPS["plain"](folder) / "film.mp4"


SOURCES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (missing, "no file"),
    "text": (BAD_CLIPS["text"], "text file"),
    "noise": (noise, "cannot be read as a film"),
    "audio only": (BAD_CLIPS["audio_only"], "no moving picture"),
    "truncated": (BAD_CLIPS["truncated"], "breaks off"),
    "empty": (empty, "empty"),
    "no frames": (without_frames, "before its first picture"),
    "empty folder": (empty_folder, "no pictures"),
    "a path under a file": (under_a_file, "no file"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_is_no_film_is_refused(stvsr: Callable, tmp_path: Path, kind: str):
    make, message = SOURCES[kind]
    source = make(tmp_path)
    before = tree(tmp_path)
    run = stvsr("enhance", source, tmp_path / "out.mp4", *QUICK)
    assert run.code == 1
    assert refused(run.err, message)
    assert tree(tmp_path) == before


OPTIONS: dict[str, tuple[tuple[str, ...], int, str]] = {
    "scale 0": (("--scale", "0"), 1, "Choose 1 to 8"),
    "scale 9": (("--scale", "9"), 1, "Choose 1 to 8"),
    "scale 1000000": (("--scale", "1000000"), 1, "Choose 1 to 8"),
    "scale two": (("--scale", "two"), 2, "valid integer"),
    "scale and height": (("--scale", "2", "--height", "96"), 1, "Give one"),
    "height 0": (("--height", "0"), 1, "Choose 6 to 384"),
    "height 100000": (("--height", "100000"), 1, "Choose 6 to 384"),
    "fps 0": (("--fps", "0"), 1, "at most 1000"),
    "fps -5": (("--fps=-5",), 1, "at most 1000"),
    "fps 1e9": (("--fps", "1e9"), 1, "at most 1000"),
    "fps fast": (("--fps", "fast"), 1, "Try 60"),
    "fps 1/0": (("--fps", "1/0"), 1, "Try 60"),
    "times 0": (("--times", "0"), 1, "1 to 64"),
    "times 1000": (("--times", "1000"), 1, "1 to 64"),
    "fps and times": (("--fps", "60", "--times", "2"), 1, "Give one"),
    "slow motion 0": (("--slow-motion", "0"), 1, "1 to 64"),
    "codec": (("--codec", "divx"), 1, "h264, hevc"),
    "network": (("--network", "magic"), 1, "Choose one of: bicubic"),
    "device": (("--device", "toaster"), 2, "--device"),
    "precision": (("--precision", "fp3"), 2, "fp32"),
    "tile": (("--tile", "1"), 1, "at least 16"),
    "weights": (("--weights", "nowhere.safetensors"), 1, "no weight file"),
    "unknown option": (("--fancy",), 2, "No such option"),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_an_option_that_cannot_work_is_refused_with_the_choices(stvsr: Callable, tmp_path: Path, kind: str):
    options, code, message = OPTIONS[kind]
    source = MADE_CLIPS["plain"](tmp_path)
    before = tree(tmp_path)
    run = stvsr("enhance", source, tmp_path / "out.mp4", *options)
    assert run.code == code
    assert refused(run.err, message)
    assert tree(tmp_path) == before


def target_under_a_file(folder: Path) -> str:
    return str(folder / "plain.mp4" / "out.mp4")


def target_in_no_folder(folder: Path) -> str:
    return str(folder / "nowhere" / "out.mp4")


def target_in_proc(_: Path) -> str:
    return "/proc/out.mp4"


def target_is_there(folder: Path) -> str:
    (folder / "out.mp4").write_text("precious")
    return str(folder / "out.mp4")


def target_is_a_full_folder(folder: Path) -> str:
    (folder / "out").mkdir()
    (folder / "out" / "precious.txt").write_text("precious")
    return str(folder / "out")


TARGETS: dict[str, tuple[Callable[[Path], str], str]] = {
    "under a file": (target_under_a_file, "no folder"),
    "in no folder": (target_in_no_folder, "no folder"),
    "not writable": (target_in_proc, "could not be written"),
    "there already": (target_is_there, "--overwrite"),
    "the source": (lambda folder: str(folder / "plain.mp4"), "the source itself"),
    "the source by another path": (lambda folder: str(folder / ".." / folder.name / "plain.mp4"), "the source itself"),
    "unknown ending": (lambda folder: str(folder / "out.xyz"), ".mp4"),
    "no ending": (lambda folder: str(folder / "out"), ".mp4"),
    "codec that the container cannot hold": (lambda folder: str(folder / "out.webm"), "webm"),
    "full folder": (target_is_a_full_folder, "empty folder"),
    "standard output and JSON": (lambda _: "-", "stdout"),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_a_target_that_cannot_be_is_refused_before_the_work(stvsr: Callable, tmp_path: Path, kind: str):
    make, message = TARGETS[kind]
    source, target = MADE_CLIPS["plain"](tmp_path), make(tmp_path)
    before = tree(tmp_path)
    run = stvsr("enhance", source, target, *QUICK, "--codec", "h264", "--json")
    assert run.code == 1
    assert refused(run.err, message)
    assert set(run.json) == {"error"}
    assert run.json["error"]["message"] in run.err
    assert tree(tmp_path) == before


def test_overwrite_replaces_the_target_but_never_the_source(stvsr: Callable, tmp_path: Path):
    source, target = MADE_CLIPS["plain"](tmp_path), Path(target_is_there(tmp_path))
    assert stvsr("enhance", source, target, *QUICK, "--overwrite").code == 0
    assert target.read_bytes() != b"precious"
    run = stvsr("enhance", source, source, *QUICK, "--overwrite")
    assert run.code == 1
    assert refused(run.err, "the source itself")


def test_a_target_that_is_there_survives_a_failure_even_with_overwrite(stvsr: Callable, tmp_path: Path):
    source = MADE_CLIPS["plain"](tmp_path)
    target = Path(target_is_there(tmp_path))
    before = tree(tmp_path)
    run = stvsr("enhance", source, target, *QUICK, "--overwrite", "--codec", "divx")
    assert run.code == 1
    assert tree(tmp_path) == before


def test_a_default_name_that_is_taken_is_refused(stvsr: Callable, tmp_path: Path):
    source = MADE_CLIPS["plain"](tmp_path)
    assert stvsr("enhance", source, *QUICK).code == 0
    before = tree(tmp_path)
    run = stvsr("enhance", source, *QUICK)
    assert run.code == 1
    assert refused(run.err, "--overwrite")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("kind", ["one_frame", "odd_size", "tiny", "unicode_name"])
def test_what_is_unusual_but_sound_works(stvsr: Callable, tmp_path: Path, kind: str):
    source = MADE_CLIPS[kind](tmp_path)
    run = stvsr("enhance", source, tmp_path / "Größe of  it.mp4", "--scale", "2", "--network", "bicubic")
    assert run.code == 0, run.err
    assert (tmp_path / "Größe of  it.mp4").is_file()


def test_a_picture_16_thousand_pixels_wide_works_in_tiles(stvsr: Callable, tmp_path: Path):
    source = make_film(tmp_path / "wide.mkv", codec="ffv1", size=(16384, 16), count=2)
    run = stvsr("enhance", source, tmp_path / "out.mkv", *QUICK, "--codec", "ffv1", "--tile", "512", "--json")
    assert run.code == 0, run.err
    assert run.json["frames_out"] == 4


def test_a_picture_too_wide_for_the_codec_is_refused(stvsr: Callable, tmp_path: Path):
    source = make_film(tmp_path / "wide.mkv", codec="ffv1", size=(16384, 16), count=2)
    before = tree(tmp_path)
    run = stvsr("enhance", source, tmp_path / "out.mp4", "--scale", "2", "--network", "bicubic")
    assert run.code == 1
    assert refused(run.err, "--codec ffv1")
    assert tree(tmp_path) == before


# Trouble on the way, in a process of its own


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "stvsr", *map(str, arguments)]


def test_a_full_disk_ends_the_work_with_one_message(tmp_path: Path):
    pictures = [np.random.default_rng(index).integers(0, 255, (96, 128, 3), dtype=np.uint8) for index in range(24)]
    source = make_film(tmp_path / "noise.mkv", size=(128, 96), pictures=pictures)
    before = tree(tmp_path)
    small_disk = 300_000

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past the limit then fails, as on a full disk
        resource.setrlimit(resource.RLIMIT_FSIZE, (small_disk, small_disk))

    done = subprocess.run(
        command("enhance", source, tmp_path / "out.mkv", *QUICK, "--codec", "ffv1", "--json"),
        preexec_fn=limited,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert refused(done.stderr, f"out.mkv could not be written: {os.strerror(errno.EFBIG)}")
    assert set(json.loads(done.stdout)) == {"error"}
    assert tree(tmp_path) == before


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopping_it_leaves_only_the_job_and_the_same_command_goes_on(tmp_path: Path, stop: signal.Signals):
    source = make_film(tmp_path / "long.mp4", count=500, rate=Fraction(60), size=(96, 64))
    before = tree(tmp_path)
    enhancing = command("enhance", source, tmp_path / "out.mp4", "--network", "bicubic", "--segment", "10", "--json")

    def heed() -> None:  # a shell starts what runs in its background deaf to Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process = subprocess.Popen(enhancing, **pipes, text=True, preexec_fn=heed)
    while not list(tmp_path.glob(".out.mp4.job/0*.json")):  # until a segment is finished
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(stop)
    out, said = process.communicate(timeout=240)
    assert process.returncode == 130
    assert json.loads(out)["error"]["kind"] == "Interrupted"
    assert refused(said, "Stopped")
    assert re.search(r"\d of \d+ segments are finished. The same command goes on from there.", said)
    left = set(tree(tmp_path)) - set(before)
    assert all(name.startswith(".out.mp4.job/") for name in left)
    done = subprocess.run(enhancing, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(tree(tmp_path)) == {"long.mp4", "out.mp4"}


def test_a_mistake_of_ours_is_said_without_a_traceback(
    stvsr: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_: object) -> None:
        raise ZeroDivisionError("by no fault of yours")

    source = MADE_CLIPS["plain"](tmp_path)
    monkeypatch.setattr("stvsr.jobs.render.resized", broken)
    before = tree(tmp_path)
    run = stvsr("enhance", source, tmp_path / "out.mp4", *QUICK)
    assert run.code == 70
    assert refused(run.err, "STVSR_DEBUG=1")
    assert tree(tmp_path) == before
    monkeypatch.setenv("STVSR_DEBUG", "1")
    assert "Traceback" in stvsr("enhance", source, tmp_path / "out.mp4", *QUICK).err


def refused(said: str, message: str) -> bool:
    """One error, in words, that says this."""
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    return len(errors) == 1 and message in errors[0] and "Traceback" not in said
