"""Whatever stops a job, and however often: the same call goes on, and the film is the one that nothing ever stopped."""

import multiprocessing
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

import stvsr.jobs.run
from made_clips import Sound, make_film, with_cuts
from stvsr.errors import OutputError, SettingsError
from stvsr.inference import Target
from stvsr.jobs.join import FilmJoin
from stvsr.jobs.journal import Job
from stvsr.jobs.lock import locked
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.run import enhance, job_folder

SETTINGS = EnhanceSettings(scale=1, network="bicubic", segment=10)
WAYS = {
    "h264 in mp4": ("out.mp4", SETTINGS),
    "h264 in mkv": ("out.mkv", replace(SETTINGS, target=Target(fps=Fraction(60)))),
    "ffv1": ("out.mkv", replace(SETTINGS, codec="ffv1")),
    "pictures": ("out", SETTINGS),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven segments: of short shots, two in one, and of a long shot, cut where windows meet."""
    pictures = [*with_cuts(24, 4, 32, 24), *with_cuts(46, 46, 32, 24)]
    folder = tmp_path_factory.mktemp("source")
    return make_film(folder / "source.mkv", count=70, size=(32, 24), pictures=pictures, sounds=(Sound(),))


def run(source: Path, folder: Path, way: str, **changes: object) -> Path:
    name, settings = WAYS[way]
    target = f"{folder / name}/" if way == "pictures" else folder / name
    return enhance(source, target, replace(settings, **changes)).output  # pyright: ignore[reportArgumentType]


def content(film: Path) -> list[object]:
    """Every packet of every stream, and every decoded picture; or every picture of a folder."""
    if film.is_dir():
        return [(path.name, path.read_bytes()) for path in sorted(film.iterdir())]
    with av.open(str(film)) as container:
        packets = [(p.stream_index, p.pts, p.dts, p.duration, bytes(p)) for p in container.demux() if p.size]
    with av.open(str(film)) as container:
        return [*packets, *((frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(video=0))]


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], list[object]]:
    """What comes of the source where nothing stops the work; rendered once for each way."""
    made: dict[str, list[object]] = {}

    def content_of(way: str) -> list[object]:
        if way not in made:
            made[way] = content(run(source, tmp_path_factory.mktemp("whole"), way))
        return made[way]

    return content_of


class Stop(Exception):
    """What stands for a power failure in these tests."""


def fail_after(calls: int, patch: pytest.MonkeyPatch, owner: object, name: str) -> None:
    """Let something be done so many times more, and then fail."""
    real, left = getattr(owner, name), [calls]

    def failing(*arguments: object) -> object:
        if left[0] == 0:
            raise Stop
        left[0] -= 1
        return real(*arguments)

    patch.setattr(owner, name, failing)


@pytest.fixture(scope="module")
def half_done(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a job in mp4 that was stopped after four segments."""
    folder = tmp_path_factory.mktemp("half")
    with pytest.MonkeyPatch.context() as monkeypatch:
        fail_after(4, monkeypatch, Job, "publish")
        with pytest.raises(Stop):
            run(source, folder, "h264 in mp4")
    return folder


@pytest.fixture
def unfinished(half_done: Path, tmp_path: Path) -> Path:
    """A copy of it, for one test."""
    return Path(shutil.copytree(half_done, tmp_path / "copy"))


def segments_rendered(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The segments that are finished from now on."""
    publish, seen = Job.publish, []

    def noted(job: Job, index: int, *arguments: object) -> None:
        seen.append(index)
        publish(job, index, *arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Job, "publish", noted)
    return seen


@pytest.mark.parametrize("way", WAYS)
def test_killed_at_random_moments_the_film_is_the_same(source: Path, whole: Callable, tmp_path: Path, way: str):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stvsr.jobs.run"])
    name, settings = WAYS[way]
    target = f"{tmp_path / name}/" if way == "pictures" else tmp_path / name
    lots, killed = random.Random(way), 0
    while not (tmp_path / name).exists():
        process = context.Process(target=enhance, args=(source, target, settings))
        process.start()
        finished = sum(1 for _ in tmp_path.glob(".*.job/[0-9]*.json"))
        wanted = finished + lots.randint(0, 1)  # so that slow machines get on, and fast ones are not done at once
        while process.is_alive() and killed < 6 and sum(1 for _ in tmp_path.glob(".*.job/[0-9]*.json")) < wanted:
            time.sleep(0.001)
        if killed < 6:
            time.sleep(lots.uniform(0, 0.03))
            process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
        assert process.exitcode in (0, -signal.SIGKILL)
    assert killed >= 2  # at least; a film that has its name cannot be killed any more
    if job_folder(tmp_path / name).exists():  # killed between the name and the tidying up: the same command sees to it
        enhance(source, target, settings)
    assert content(tmp_path / name) == whole(way)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_finished_segments_are_not_rendered_again(source: Path, whole: Callable, unfinished: Path, monkeypatch):
    rendered = segments_rendered(monkeypatch)
    film = run(source, unfinished, "h264 in mp4")
    assert rendered == [4, 5, 6]
    assert content(film) == whole("h264 in mp4")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing", "without its record", "a torn record"])
def test_a_segment_that_is_not_what_its_record_says_is_done_again(
    source: Path, whole: Callable, unfinished: Path, monkeypatch: pytest.MonkeyPatch, damage: str
):
    segment, record = (job_folder(unfinished / "out.mp4") / f"00002{suffix}" for suffix in (".mp4", ".json"))
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    match damage:
        case "truncated":
            segment.write_bytes(segment.read_bytes()[:-1])
        case "flipped":
            segment.write_bytes(data)
        case "missing":
            segment.unlink()
        case "without its record":
            record.unlink()
        case "a torn record":
            record.write_text(record.read_text()[:20])
    rendered = segments_rendered(monkeypatch)
    film = run(source, unfinished, "h264 in mp4")
    assert rendered == [2, 4, 5, 6]
    assert content(film) == whole("h264 in mp4")


@pytest.mark.parametrize("way", ["h264 in mp4", "h264 in mkv", "ffv1"])
@pytest.mark.parametrize("moment", [1, 3, 6])
def test_a_join_that_was_cut_short_loses_nothing(
    source: Path, whole: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, moment: int
):
    with monkeypatch.context() as patch:
        fail_after(moment, patch, FilmJoin, "add")
        with pytest.raises(Stop):
            run(source, tmp_path, way)
    released = len(list(tmp_path.glob(".*.job/*.places")))
    assert released > 0 or moment == 1  # sound and picture take turns, so the last segments are not settled yet
    rendered = segments_rendered(monkeypatch)
    film = run(source, tmp_path, way)
    assert rendered == []
    assert content(film) == whole(way)


def test_what_was_proven_only_gets_its_name(source: Path, whole: Callable, tmp_path: Path, monkeypatch):
    for owner, step in ((stvsr.jobs.run, "place"), (stvsr.jobs.run, "tidy")):
        with monkeypatch.context() as patch:
            fail_after(0, patch, owner, step)
            with pytest.raises(Stop):
                run(source, tmp_path, "h264 in mp4")
    rendered = segments_rendered(monkeypatch)
    film = run(source, tmp_path, "h264 in mp4")
    assert rendered == []
    assert content(film) == whole("h264 in mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


@pytest.mark.parametrize("limit", [3000, 12000])
def test_a_full_disk_stops_the_work_and_costs_nothing_that_was_done(
    source: Path, whole: Callable, tmp_path: Path, limit: int
):
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))  # writing further then fails, as on a full disk
    try:
        with pytest.raises(OutputError, match=r"out\.mp4 could not be written"):
            run(source, tmp_path, "h264 in mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert not (tmp_path / "out.mp4").exists()
    assert content(run(source, tmp_path, "h264 in mp4")) == whole("h264 in mp4")


def test_other_settings_are_refused_and_a_restart_begins_anew(source: Path, unfinished: Path):
    with pytest.raises(SettingsError, match=r"settings codec: None, now hevc.*--restart"):
        run(source, unfinished, "h264 in mp4", codec="hevc", scale=2)
    settings = replace(WAYS["h264 in mp4"][1], quality=30)
    assert enhance(source, unfinished / "out.mp4", settings, restart=True).verify.ok
    assert [path.name for path in unfinished.iterdir()] == ["out.mp4"]


def test_another_source_under_the_same_name_is_refused(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    own = Path(shutil.copy(source, tmp_path / "own.mkv"))
    with monkeypatch.context() as patch:
        fail_after(2, patch, Job, "publish")
        with pytest.raises(Stop):
            run(own, tmp_path, "h264 in mp4")
    make_film(own, count=70, size=(32, 24))
    with pytest.raises(SettingsError, match=r"source mtime_ns"):
        run(own, tmp_path, "h264 in mp4")


def test_two_processes_on_one_job_do_not_hurt_each_other(source: Path, whole: Callable, unfinished: Path):
    with locked(job_folder(unfinished / "out.mp4") / "lock"):
        before = {path: path.read_bytes() for path in unfinished.rglob("*") if path.is_file()}
        with pytest.raises(OutputError, match="Another process is at work"):
            run(source, unfinished, "h264 in mp4")
        assert {path: path.read_bytes() for path in unfinished.rglob("*") if path.is_file()} == before
    assert content(run(source, unfinished, "h264 in mp4")) == whole("h264 in mp4")
