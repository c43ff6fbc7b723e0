"""ONNX Runtime in the engine: the same film, and an export only where none lies in the cache."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from stvsr.errors import SettingsError
from stvsr.inference import RenderSettings, Target, onnx, render
from stvsr.networks.bicubic import Bicubic


def test_a_film_is_the_same_as_by_pytorch_and_exported_once(
    film: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    frames, network, target = film(torch.rand(6, 3, 12, 20), cuts={3}), Bicubic(scale=2), Target(factor=2)
    expected = list(render(frames, network, target))
    for _ in range(2):
        found = list(render(frames, network, target, RenderSettings(runtime="onnx")))
        assert [frame.time for frame in found] == [frame.time for frame in expected]
        for ours, theirs in zip(found, expected, strict=True):
            assert torch.allclose(ours.image, theirs.image, atol=1e-5)
        # both shots have three frames: one file, which the second round only reads
        (file,) = (tmp_path / "stvsr" / "onnx").iterdir()
        monkeypatch.setattr(onnx, "export", lambda *_, **__: pytest.fail("exported again"))
    assert file.name.startswith("bicubic-")
    assert file.name.endswith("-3frames-2-20x12.onnx")


def test_other_weights_have_another_name():
    first, second = torch.nn.Conv2d(3, 3, 3), torch.nn.Conv2d(3, 3, 3)
    networks = [Bicubic(), Bicubic(), Bicubic(scale=2), Bicubic()]
    networks[0].conv, networks[1].conv, networks[3].conv = first, second, first
    names = [onnx.fingerprint(network) for network in networks]
    assert len(set(names)) == 3
    assert names[0] == names[3]


def test_instants_that_do_not_repeat_are_refused():
    assert onnx.grid_of([Fraction(1, 3), Fraction(1, 2)], None) == Fraction(1, 6)
    assert onnx.grid_of([Fraction(1)], Fraction(1, 2)) == Fraction(1, 2)
    with pytest.raises(SettingsError, match="--times 2"):
        onnx.grid_of([Fraction(999, 2500)], None)
    with pytest.raises(SettingsError, match=r"onnx and torch\.compile"):
        RenderSettings(runtime="onnx", compile=True)
