"""Exported files compute what the network computes, at sizes that the exporter never saw."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from stvsr.errors import MissingExtraError, SettingsError, VerificationError
from stvsr.inference import export as module
from stvsr.inference.export import export
from stvsr.networks import NETWORKS
from stvsr.networks.bicubic import Bicubic
from stvsr.weights.catalog import load_network
from stvsr.weights.files import Weights, save_weights

NARROW = {  # as narrow and shallow as they go: the exporter takes its time for every layer
    "unison-s": dict(width=8, encoder_blocks=1, backward_blocks=1, forward_blocks=1, flow_width=8),
    "yogo-64": dict(filters=8, extraction_blocks=1, backward_blocks=1, forward_blocks=1, fusion_blocks=1),
}


@pytest.fixture
def weights(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A narrow network's weights, with deformable convolutions that really look elsewhere."""
    network = NETWORKS[request.param](scale=2, **NARROW[request.param])
    for name, parameter in network.named_parameters():
        if "steer" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    path = tmp_path / "narrow.safetensors"
    held = Weights(network=request.param, scale=2, config=NARROW[request.param], tensors=network.state_dict())
    save_weights(path, held)
    return path


@pytest.mark.parametrize("weights", list(NARROW), indirect=True)
def test_onnx_runtime_renders_what_pytorch_renders_at_two_sizes(weights: Path, request: pytest.FixtureRequest):
    runtime = pytest.importorskip("onnxruntime")
    name, file = request.node.callspec.params["weights"], weights.with_name("out.onnx")
    # a process of its own: the tests' shape checker slows the exporter down
    command = [sys.executable, "-m", "stvsr", "export", name, file, "--scale", "2", "--weights", weights, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["frames"], report["times"]) == (2, [0.0, 0.5, 1.0])
    assert len(report["checked_sizes"]) == 2
    assert report["largest_difference"] < 1e-3

    network, times = load_network(name, 2, weights=weights), [Fraction(0), Fraction(1, 2), Fraction(1)]
    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for height, width in ((40, 24), (64, 88)):
        clip = torch.rand(1, 2, 3, height, width)
        with torch.inference_mode():
            ours = network(clip, times)
        (theirs,) = session.run(["frames"], {"clip": clip.numpy()})
        assert (ours - torch.from_numpy(theirs)).abs().max() < 1e-3


@pytest.mark.parametrize("format", ["onnx", "torch"])
def test_a_fixed_size_serves_networks_that_depend_on_it(tmp_path: Path, format: str):
    pytest.importorskip("onnxruntime")
    path = tmp_path / ("out.onnx" if format == "onnx" else "out.pt2")
    report = export(Bicubic(scale=2), path, size=(12, 20), format=format)
    assert report.largest_difference < 1e-5
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(SettingsError, match=r"cannot export Bicubic with a free size .*--size"):
        export(Bicubic(scale=2), tmp_path / "free", format=format)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_computes_something_else_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def save(program: torch.export.ExportedProgram, path: Path):
        path.touch()
        return lambda clip: program.module()(clip) + 0.01

    monkeypatch.setattr(module, "save", save)
    with pytest.raises(VerificationError, match=r"differs from the network by 0\.01"):
        export(Bicubic(scale=2), tmp_path / "out.pt2", size=(12, 20), format="torch")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    unison = NETWORKS["unison-s"](scale=2)
    with pytest.raises(SettingsError, match="multiples of 8, but 20x16"):
        export(unison, tmp_path / "out.onnx", size=(16, 20))
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "onnxscript" else name)
    with pytest.raises(MissingExtraError, match=r"pip install 'stvsr\[export\]'"):
        export(unison, tmp_path / "out.onnx")
