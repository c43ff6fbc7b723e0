"""The examples run as they are printed in the docs."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from made_clips import MADE_CLIPS, picture
from stvsr.video import probe

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(request.param, EXAMPLES / f"{request.param}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, request.param, module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("example", ["enhance_file"], indirect=True)
def test_a_file_is_enhanced_with_progress(
    example: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("stvsr.weights.catalog.FOLDER", tmp_path)  # bicubic: the networks have their own tests
    example.main(str(MADE_CLIPS["plain"](tmp_path)), str(tmp_path / "large.mp4"))
    assert (probe(tmp_path / "large.mp4").width, probe(tmp_path / "large.mp4").average_rate) == (128, 60)
    assert "proven: True" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="already"):
        example.main(str(tmp_path / "plain.mp4"), str(tmp_path / "large.mp4"))


@pytest.mark.parametrize("example", ["numpy_frames"], indirect=True)
def test_an_array_is_enlarged(example: ModuleType):
    large = example.main()
    assert (large.shape, large.dtype) == ((12, 96, 128, 3), np.uint8)


@pytest.mark.parametrize("example", ["live_source"], indirect=True)
def test_a_live_source_is_rendered(example: ModuleType):
    assert example.main() > 0


@pytest.mark.parametrize("example", ["own_network"], indirect=True)
def test_a_network_of_ones_own_renders_thirds(example: ModuleType):
    frames = example.main()
    assert len(frames) == 12
    assert frames[0].shape == (40, 60, 3)


@pytest.mark.parametrize("example", ["vapoursynth_stvsr"], indirect=True)
def test_frames_by_number_are_those_of_the_whole_clip(example: ModuleType):
    """What VapourSynth would ask for; it cannot be installed by pip alone, so the rest of that script is not run."""
    clip = np.stack([picture(index) for index in range(40)]).astype(np.float32) / 255
    asked = []

    def read(index: int) -> np.ndarray:
        asked.append(index)
        return clip[index]

    sequence = example.Sequence(read, len(clip), "bicubic", 1, 2)
    assert np.abs(sequence[0] - clip[0]).max() < 1e-6
    assert np.abs(sequence[7] - (clip[3] + clip[4]) / 2).max() < 1e-6
    assert np.abs(sequence[6] - clip[3]).max() < 1e-6  # back
    assert sequence[6] is sequence[6]
    before = len(asked)
    assert np.abs(sequence[74] - clip[37]).max() < 1e-6  # far ahead
    assert len(asked) - before < 40
