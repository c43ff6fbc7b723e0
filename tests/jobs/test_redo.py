"""A film knows where it comes from, and one of its shots can be made anew without touching the others."""

from pathlib import Path

import av
import numpy as np
import pytest

from made_clips import Sound, make_film, with_cuts
from stvsr.errors import InputError, SettingsError
from stvsr.inference import Target
from stvsr.jobs.plan import EnhanceSettings
from stvsr.jobs.provenance import provenance_of, settings_of
from stvsr.jobs.redo import redo
from stvsr.jobs.run import enhance
from stvsr.video import probe

SETTINGS = EnhanceSettings(scale=2, network="bicubic", target=Target(factor=2))


def packets(film: Path) -> list[list[tuple[int | None, bytes]]]:
    """Of every stream, in its own order."""
    with av.open(str(film)) as container:
        found = [[] for _ in container.streams]
        for packet in container.demux():
            if packet.size:
                found[packet.stream_index].append((packet.pts, bytes(packet)))
    return found


def pictures(film: Path) -> list[np.ndarray]:
    with av.open(str(film)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    words = {"title": "A film", "comment": "from the attic"}
    shots = with_cuts(36, 9, 32, 32)
    return make_film(folder / "film.mkv", count=36, size=(32, 32), pictures=shots, sounds=(Sound(),), metadata=words)


@pytest.mark.parametrize(
    ("name", "codec"), [("out.mp4", "h264"), ("out.mkv", "h264"), ("out.mkv", "hevc"), ("out.webm", "av1")]
)
def test_a_shot_is_made_anew_and_the_others_stay(source: Path, tmp_path: Path, name: str, codec: str):
    made = EnhanceSettings(scale=2, network="bicubic", codec=codec)
    film = enhance(source, tmp_path / name, made).output
    result = redo(film, source, (9 + 4) / probe(source).average_rate, network="bicubic")  # pyright: ignore
    assert result.verify.ok
    before, after = pictures(film), pictures(result.output)
    assert len(before) == len(after) == 72
    first, stop = (int(time * 48) for time in (result.begin, result.end))
    outside = [*range(first), *range(stop, 72)]
    assert all(np.array_equal(before[number], after[number]) for number in outside)
    assert all(abs(before[n].astype(int) - after[n]).mean() < 3 for n in range(first, stop))  # encoded anew
    assert packets(film)[1] == packets(result.output)[1]
    if codec != "av1":  # its encoder sets key frames where it likes
        assert (result.begin * 24, result.end * 24, result.frames) == (9, 18, 18)


def test_another_network_changes_its_shot_alone(source: Path, tmp_path: Path):
    film = enhance(source, tmp_path / "out.mp4", EnhanceSettings(scale=4, network="bicubic")).output
    result = redo(film, source, probe(source).start_time + 30 / probe(source).average_rate, network="unison-s")  # pyright: ignore
    before, after = pictures(film), pictures(result.output)
    changed = [number for number, (a, b) in enumerate(zip(before, after, strict=True)) if not np.array_equal(a, b)]
    assert changed == list(range(54, 72))
    told = provenance_of(result.output)
    assert told is not None
    assert told["settings"]["network"] == "unison-s"
    assert len(told["weights"]["sha256"]) == 64


@pytest.mark.parametrize("name", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
def test_a_film_tells_how_it_was_made_and_keeps_its_own_words(source: Path, tmp_path: Path, name: str):
    film = enhance(source, tmp_path / name, SETTINGS).output
    told = provenance_of(film)
    assert told is not None
    assert settings_of(film, told).target == SETTINGS.target
    assert (told["settings"]["network"], told["settings"]["scale"], told["source"]["size"]) == (
        "bicubic",
        2,
        source.stat().st_size,
    )
    words = {name.lower(): word for name, word in probe(film).metadata.items()}
    assert (words["title"], words["comment"]) == ("A film", "from the attic")


def test_what_cannot_be_redone_is_refused(source: Path, tmp_path: Path):
    film = enhance(source, tmp_path / "out.mp4", SETTINGS).output
    other = make_film(tmp_path / "other.mkv")
    with pytest.raises(InputError, match="is not what"):
        redo(film, other, probe(source).start_time)
    with pytest.raises(InputError, match="does not tell"):
        redo(other, source, probe(source).start_time)
    with pytest.raises(SettingsError, match=r"runs from 0\.000 to 1\.500 s"):
        redo(film, source, probe(source).start_time + 5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.mkv", "out.mp4"]
