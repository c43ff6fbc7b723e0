"""The page: whole in itself, with films that play, of the seconds that move the most."""

import base64
import io
import json
import re
from fractions import Fraction
from html.parser import HTMLParser
from pathlib import Path

import av
import numpy as np
import pytest

from made_clips import make_film, picture
from stvsr.errors import OutputError, SettingsError
from stvsr.inference import RenderSettings
from stvsr.jobs.preview import PreviewSettings, preview

NETWORKS = ("bicubic", "unison-s")
SETTINGS = PreviewSettings(scale=2, networks=NETWORKS, shots=2, render=RenderSettings(device="cpu"))


class Page(HTMLParser):
    """What a browser would load, and the data."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def scenes(self) -> list[dict]:
        return json.loads(next(text for text in self.texts if text.startswith("[{")))


def film(folder: Path) -> Path:
    """Three shots: still; at rest, moving for two seconds and at rest again; moving slowly."""
    fine = np.kron(
        np.random.default_rng(0).integers(60, 190, (12, 16, 1), dtype=np.uint8), np.ones((4, 4, 3), np.uint8)
    )
    moving = [0] * 24 + list(range(48)) + [47] * 24
    shots = [
        [picture(0, scene=1)] * 12,
        [np.roll(fine, 2 * place, 1) for place in moving],
        [picture(index // 3, scene=2) for index in range(12)],
    ]
    pictures = [image for shot in shots for image in shot]
    return make_film(folder / "a<b>.mp4", pictures=pictures, count=len(pictures))


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("preview")
    return preview(film(folder), settings=SETTINGS).output


def test_the_page_needs_nothing_from_elsewhere(page: Path):
    text = page.read_text()
    assert page.name == "a<b>.preview.html"
    assert Page(text).links == ["data:,"]
    assert not re.search(r"https?://|url\(|@import|@[A-Z]+@", text)
    assert "<b>" not in text
    assert {"select", "table", "main"} >= {"table", "main"} <= set(Page(text).tags)


def test_every_network_has_a_film_that_plays_and_a_profile(page: Path):
    scenes = Page(page.read_text()).scenes
    assert len(scenes) == 2
    for scene in scenes:
        assert list(scene["films"]) == list(NETWORKS)
        frames = set()
        for parts in scene["films"].values():
            kind, _, content = parts["film"].partition(";base64,")
            assert kind == "data:video/mp4"
            with av.open(io.BytesIO(base64.b64decode(content))) as container:
                stream = container.streams.video[0]
                assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
                assert (stream.width, stream.height) == (128, 96)
                pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
            frames.add(len(pictures))
            assert abs(len(pictures) / 48 - (scene["to"] - scene["from"])) < 0.01
            assert parts["profile"].startswith("data:image/png;base64,")
        assert len(frames) == 1


def test_the_seconds_shown_are_those_that_move(page: Path):
    fast, _ = Page(page.read_text()).scenes
    assert fast["to"] - fast["from"] == pytest.approx(2)
    assert abs(fast["from"] - 1.5) < 0.1  # the shot begins at 0.5 s, its motion a second later


def test_what_it_costs_is_told_for_the_whole_film(tmp_path: Path):
    source = make_film(tmp_path / "small.mp4", count=6)
    result = preview(source, settings=SETTINGS)
    assert [cost.network for cost in result.costs] == list(NETWORKS)
    assert all(cost.seconds == pytest.approx(cost.seconds_per_frame * 12) for cost in result.costs)
    assert result.costs[0].parameters == 0 < result.costs[1].parameters
    assert result.moments[0].begin == 0
    assert result.moments[0].end == Fraction(1, 4)
    with pytest.raises(OutputError, match="there already"):
        preview(source, settings=SETTINGS)
    with pytest.raises(SettingsError, match="at least 1 shot"):
        PreviewSettings(shots=0)
