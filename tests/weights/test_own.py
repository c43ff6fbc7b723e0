"""Weights of one's own: taken over whole, used everywhere, and refused where they are not sound."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from stvsr.errors import STVSRError, WeightsError
from stvsr.networks.unison import unison_s
from stvsr.weights import catalog
from stvsr.weights.catalog import file_of, load_network
from stvsr.weights.files import Weights, load_weights, save_weights
from stvsr.weights.own import SUMS, check, import_weights, weights_here


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A file that fits ``unison-s`` x4."""
    path = tmp_path / "mine.safetensors"
    save_weights(path, Weights(network="unison-s", scale=4, card={"steps": "7"}, tensors=unison_s().state_dict()))
    return path


def test_imported_weights_are_loaded_until_they_are_deleted(mine: Path):
    before = load_network("unison-s").state_dict()["head.weight"]
    place = import_weights(mine)
    held = next(each for each in weights_here() if (each.network, each.scale) == ("unison-s", 4))
    assert (held.file, held.shipped, held.steps) == (str(place), False, "7")
    assert not torch.equal(load_network("unison-s").state_dict()["head.weight"], before)
    place.unlink()
    assert torch.equal(load_network("unison-s").state_dict()["head.weight"], before)


def test_what_was_imported_before_stays_unless_it_is_to_be_replaced(mine: Path):
    place = import_weights(mine)
    with pytest.raises(WeightsError, match="--replace"):
        import_weights(mine)
    assert import_weights(mine, replace=True) == place


NOT_SOUND: dict[str, dict[str, Any]] = {
    "does not fit": {"tensors": {"head.weight": torch.ones(3)}},
    "no network called": {"network": "unison-xl"},
    "no numbers": {"tensors": {name: torch.full_like(own, torch.nan) for name, own in unison_s().state_dict().items()}},
}


@pytest.mark.parametrize("message", NOT_SOUND)
def test_what_is_not_sound_is_not_imported(mine: Path, message: str):
    save_weights(mine, replace(load_weights(mine), **NOT_SOUND[message]))
    with pytest.raises(STVSRError, match=message):
        import_weights(mine)
    assert not file_of("unison-s", 4).is_relative_to(mine.parent)


@pytest.mark.parametrize("name", ["notes.txt", "notes.ckpt"])
def test_any_other_file_is_refused_in_one_sentence(tmp_path: Path, name: str):
    (tmp_path / name).write_text("not weights")
    with pytest.raises(WeightsError, match=name):
        import_weights(tmp_path / name)


def test_a_checkpoint_of_another_program_is_refused(tmp_path: Path):
    torch.save({"state_dict": {"conv.weight": torch.ones(1)}}, tmp_path / "theirs.ckpt")
    with pytest.raises(WeightsError, match="not a checkpoint of `stvsr train`"):
        import_weights(tmp_path / "theirs.ckpt")


def test_the_shipped_files_are_those_of_the_list_to_the_bit():
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", SUMS], cwd=catalog.FOLDER, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    listed = {line.split("  ")[1] for line in (catalog.FOLDER / SUMS).read_text().splitlines()}
    assert listed == {file.name for file in catalog.FOLDER.glob("*.safetensors")}


def test_one_changed_bit_of_a_shipped_file_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in (SUMS, "unison-s-x4.safetensors"):
        (tmp_path / name).write_bytes((catalog.FOLDER / name).read_bytes())
    monkeypatch.setattr("stvsr.weights.own.FOLDER", tmp_path)
    file = tmp_path / "unison-s-x4.safetensors"
    assert check(file).shipped
    file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1]))
    with pytest.raises(WeightsError, match="it has changed on this disk"):
        check(file)
