"""One server, one browser. Pictures of the page are kept in build/web, for people to look at."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from made_clips import Sound, make_film
from made_site import Site
from stvsr.service.server import listening

PICTURES = Path(__file__).parents[2] / "build" / "web"
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"),
)
"""Chromium itself asks for nothing either."""
PATIENCE = 120_000
"""Milliseconds, for machines that are busy."""
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with listening("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
    site = Site(tmp_path_factory.mktemp("site"), port)
    site.start()
    yield site
    site.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium here (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A fresh page; the test fails if it stumbles over our scripts, if it asks another machine for anything,
    or asks through Gradio's queue, which now and then loses an answer."""
    page, asked, mistakes = browser.new_page(viewport={"width": 1280, "height": 900}), [], []
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: mistakes.append(str(error)))
    yield page
    page.close()
    assert not [address for address in asked if not own(address, site)]
    assert not [address for address in asked if "/queue/" in address]
    assert not mistakes


def own(address: str, site: Site) -> bool:
    return address.startswith((site.address, "blob:", "data:"))


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures with sound, under a name from three alphabets."""
    return make_film(tmp_path_factory.mktemp("films") / "Größe 大きい: été.mp4", count=12, sounds=(Sound(),))


@pytest.fixture(scope="session")
def picture() -> Callable[[Page, str], None]:
    """Keep the page's look, as on a desk and as on a phone."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 844})
            page.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=True)
        page.set_viewport_size({"width": 1280, "height": 900})

    return keep
