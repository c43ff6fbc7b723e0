"""Weights of one's own: taken over whole, used everywhere, and refused where they are not sound."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch

from stvsr.errors import STVSRError, WeightsError
from stvsr.networks.unison import unison_s
from stvsr.weights import catalog
from stvsr.weights.catalog import file_of, load_network
from stvsr.weights.files import Weights, load_weights, save_weights
from stvsr.weights.own import SUMS, check, fetch_weights, import_weights, weights_here


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


@pytest.fixture
def published(mine: Path) -> Iterator[str]:
    """Where a server has this file."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=mine.parent)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{mine.name}"
        server.shutdown()


def test_a_published_file_is_fetched_to_the_bit(mine: Path, published: str):
    place = fetch_weights(published, digest=sha256(mine.read_bytes()).hexdigest().upper())
    assert place == file_of("unison-s", 4)
    assert place.read_bytes() == mine.read_bytes()


@pytest.mark.parametrize(
    ("path", "digest", "message"),
    [
        ("", "0" * 64, "Nothing was taken over"),
        ("/nowhere.safetensors", None, "404"),
        ("/page.html", None, "not the address of a weight file"),
    ],
)
def test_what_is_not_the_published_file_is_not_taken_over(
    mine: Path, published: str, path: str, digest: str | None, message: str
):
    url = published.removesuffix(f"/{mine.name}") + path if path else published
    with pytest.raises(WeightsError, match=message):
        fetch_weights(url, digest=digest)
    assert file_of("unison-s", 4).parent == catalog.FOLDER


@pytest.mark.parametrize("url", ["http://[mine.safetensors", "ftp://there/mine.safetensors", "mine.safetensors"])
def test_what_is_no_address_is_told_in_one_sentence(url: str):
    with pytest.raises(WeightsError, match="not the address of a weight file"):
        fetch_weights(url)


def test_a_server_that_is_not_there_is_told_in_one_sentence():
    with pytest.raises(WeightsError, match="Check the address and the connection"):
        fetch_weights("http://127.0.0.1:9/mine.safetensors")


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
