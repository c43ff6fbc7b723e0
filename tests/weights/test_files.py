"""Weight files: what goes in comes out, and anything else is refused in words."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stvsr.errors import OutputError, WeightsError
from stvsr.weights.files import Weights, load_weights, save_weights


@pytest.fixture
def weights() -> Weights:
    torch.manual_seed(0)
    return Weights(
        network="unison-s",
        scale=4,
        config={"width": 32, "names": ["a", "b"]},
        card={"data": "made up", "psnr_y": "25.0"},
        tensors={"a.weight": torch.randn(3, 4), "a.steps": torch.tensor(7)},
    )


def test_a_file_gives_back_what_was_saved(weights: Weights, tmp_path: Path):
    save_weights(tmp_path / "net.safetensors", weights)
    back = load_weights(tmp_path / "net.safetensors")
    assert (back.network, back.scale, back.config, back.card) == (
        weights.network,
        weights.scale,
        weights.config,
        weights.card,
    )
    for name, tensor in weights.tensors.items():
        assert torch.equal(back.tensors[name], tensor)
    assert [path.name for path in tmp_path.iterdir()] == ["net.safetensors"]


def test_half_storage_is_read_as_fp32_within_half_precision(weights: Weights, tmp_path: Path):
    save_weights(tmp_path / "net.safetensors", weights, half=True)
    back = load_weights(tmp_path / "net.safetensors").tensors
    assert back["a.weight"].dtype == torch.float32
    assert back["a.steps"].dtype == torch.int64
    torch.testing.assert_close(back["a.weight"], weights.tensors["a.weight"], rtol=2**-10, atol=0)


def test_damaged_and_foreign_files_are_refused(weights: Weights, tmp_path: Path):
    whole = tmp_path / "whole.safetensors"
    save_weights(whole, weights)
    cut, pickled, foreign, empty = (tmp_path / f"{name}.safetensors" for name in ("cut", "pickled", "foreign", "empty"))
    cut.write_bytes(whole.read_bytes()[:-8])
    pickled.write_bytes(pickle.dumps({"a": 1}))
    save_file({"a": torch.ones(2)}, foreign)
    empty.write_bytes(b"")
    for path in (cut, pickled, foreign, empty, tmp_path / "missing.safetensors", tmp_path):
        with pytest.raises(WeightsError, match=path.name):
            load_weights(path)


def test_a_file_that_cannot_be_written_leaves_nothing_behind(weights: Weights, tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="Cannot write"):
        save_weights(tmp_path / "file" / "net.safetensors", weights)
    (tmp_path / "net.safetensors").mkdir()
    with pytest.raises(OutputError, match="Cannot write"):
        save_weights(tmp_path / "net.safetensors", weights)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "net.safetensors"]
