"""Packs: what comes out is nearly what went in, and what was damaged on the way is never trained on."""

import io
import zipfile
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from stvsr.data.footage import Shot
from stvsr.data.memory import ShotSource
from stvsr.data.pack import Packing, decode, encode, open_pack, pack
from stvsr.data.source import Cadence, ClipSource, Origin, Size
from stvsr.errors import SettingsError, TrainingError

SMALL = Packing(clips=3, frames=5, size=(48, 64))
TRIPLE = Cadence(keys=2, factor=2, probability=1.0)


@pytest.fixture
def source(held, glide) -> ClipSource:
    return ClipSource(name="x", clips=[held(name, glide(9, 64, 80, seed=seed)) for seed, name in enumerate("ab")])


@pytest.fixture
def packed(source: ClipSource, tmp_path: Path) -> Path:
    return pack(source, tmp_path / "a.pack", SMALL, report=str)


def rms(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() - other.float()).square().mean().sqrt())


def test_the_clips_of_a_pack_are_those_that_were_cut(source: ClipSource, packed: Path):
    clips = open_pack(packed).clips
    cadence = Cadence(keys=3, factor=2, probability=1.0)
    for number, clip in enumerate(clips):
        cut = source.cut(cadence, Size(48, 64), 0, np.random.default_rng((0, number)))
        assert rms(clip.read(range(5)), cut.frames) < 1
        assert torch.equal(clip.read([1, 3]), clip.read(range(5))[[1, 3]])
    assert [clip.origin for clip in clips] == [Origin("somebody", "CC0")] * 3


def test_the_same_seed_packs_the_same_bytes(source: ClipSource, packed: Path, tmp_path: Path):
    again = pack(source, tmp_path / "b.pack", SMALL, report=str)
    files, files_again = zipfile.ZipFile(packed), zipfile.ZipFile(again)
    assert all(files.read(name) == files_again.read(name) for name in files.namelist())


def test_a_lower_crf_is_truer_and_larger_and_colours_keep_their_place():
    noise = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 3, 32, 32), dtype=np.uint8))
    sharp, coarse = encode(noise, 1), encode(noise, 20)
    assert len(sharp) > len(coarse)
    assert rms(decode(sharp), noise) < 1.5 < rms(decode(coarse), noise)


def test_any_player_sees_the_same_colours(glide):
    frames = glide(2, 32, 32)
    with av.open(io.BytesIO(encode(frames, 1)), "r") as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert rms(torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2), frames) < 1.5


def test_a_pack_is_trained_from_like_any_source(packed: Path):
    source = open_pack(packed)
    source.prepare([TRIPLE], Size(32, 32))
    assert source.cut(TRIPLE, Size(32, 32), 8, np.random.default_rng(0)).frames.shape == (3, 3, 48, 48)


def test_footage_in_memory_can_be_packed(glide, tmp_path: Path):
    shot = Shot(name="a", frames=glide(9, 64, 80), share=1.0, origin=Origin("me", "CC BY 4.0"))
    packed = pack(ShotSource(clips=[shot]), tmp_path / "a.pack", SMALL, report=str)
    assert [clip.origin.licence for clip in open_pack(packed).clips] == ["CC BY 4.0"] * 3


def test_a_bit_that_flipped_on_the_way_is_said_and_its_clip_left_out(packed: Path):
    with zipfile.ZipFile(packed) as archive:
        place = archive.getinfo("00001.mkv").header_offset + 400
    data = bytearray(packed.read_bytes())
    data[place] ^= 1
    packed.write_bytes(data)
    said: list[str] = []
    source = open_pack(packed, said.append)
    source.prepare([TRIPLE], Size(48, 64))
    for seed in range(12):
        source.cut(TRIPLE, Size(48, 64), 0, np.random.default_rng(seed))
    assert len(said) == 1
    assert "a.pack:00001.mkv is damaged (Bad CRC-32" in said[0]


def other_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pack.json", '{"format": "other"}')


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-200]), "not a whole pack"),
        (lambda path: path.write_text("hello"), "not a whole pack"),
        (Path.unlink, "not a whole pack"),
        (other_archive, "not a pack of the format"),
    ],
)
def test_what_is_no_whole_pack_stops(packed: Path, harm, words: str):
    harm(packed)
    with pytest.raises(TrainingError, match=words):
        open_pack(packed)


def test_a_pack_that_cannot_be_finished_leaves_nothing_behind(tmp_path: Path, held, glide):
    broken = ClipSource(name="x", clips=[held("a", glide(9, 64, 80), broken="torn")], report=str)
    with pytest.raises(TrainingError, match="torn"):
        pack(broken, tmp_path / "a.pack", SMALL)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("target", "words"), [("a.pack", "exists already"), ("a.pack/b.pack", "Cannot write")])
def test_a_pack_is_never_written_over(source: ClipSource, packed: Path, target: str, words: str):
    before = packed.read_bytes()
    with pytest.raises(TrainingError, match=words):
        pack(source, packed.parent / target, SMALL)
    assert packed.read_bytes() == before


@pytest.mark.parametrize("fields", [{"clips": 0}, {"frames": 4}, {"frames": 1}, {"size": (47, 64)}, {"size": (0, 64)}])
def test_impossible_packs_are_refused(fields: dict):
    with pytest.raises(SettingsError, match="A pack has"):
        Packing(**fields)
