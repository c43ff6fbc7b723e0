"""The page in a real browser, touched as people touch it."""

import re
from collections.abc import Callable
from pathlib import Path

import av
from playwright.sync_api import Locator, Page, expect

from made_clips import BAD_CLIPS
from made_site import Site
from stvsr.weights.catalog import everyday_networks

Picture = Callable[[Page, str], None]


def test_someone_drops_a_film_watches_its_progress_slides_before_and_after_and_gets_the_file(
    page: Page, site: Site, film: Path, picture: Picture, tmp_path: Path
):
    page.goto(site.address)
    page.get_by_label("Choose a video").set_input_files(film)
    facts = page.locator(".film-facts")
    expect(facts).to_contain_text(film.name)
    expect(facts).to_contain_text("64 × 48 pixels · 24 frames per second · 0.5 seconds · with sound")
    page.get_by_label("bicubic").check()
    page.get_by_label("Twice: 128 × 96").check()
    expect(page.locator(".estimate")).to_contain_text("24 pictures of 128 × 96, 48 frames per second: about")
    picture(page, "choices")
    page.get_by_role("button", name="Enhance the whole film").click()
    expect(page.locator("film-job progress")).to_be_visible()
    expect(page.locator("film-job")).to_contain_text("12 pictures became 24; every check of the result passed.")
    slide_and_play(page.locator("film-job film-compare"))
    picture(page, "done")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download", exact=True).click()
    result = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(result)
    assert result.name.startswith("Größe 大きい")
    with av.open(str(result)) as held:
        pictures = [picture.to_ndarray().shape for picture in held.decode(video=0)]
    assert pictures == [(144, 128)] * 24  # yuv420p: chroma lies below luma


def slide_and_play(player: Locator) -> None:
    """Move the wipe with the keyboard and with the mouse; let both films run, and stop them in step."""
    slider = player.get_by_role("slider", name="Wipe")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuenow", "52")
    slider.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "0")
    stage = player.locator(".stage")
    box = stage.bounding_box()
    assert box is not None
    stage.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    expect(slider).to_have_attribute("aria-valuenow", "25")
    assert "75%" in player.evaluate("player => player.left.style.clipPath")
    player.get_by_role("button", name="Play").click()
    player.page.wait_for_function("player => player.right.currentTime > 0.05", arg=player.element_handle())
    player.get_by_role("button", name="Pause").click()
    times = player.evaluate("player => player.all().map((video) => video.currentTime)")
    assert max(times) - min(times) < 0.02
    assert player.evaluate("player => player.right.videoWidth") == 128


def test_the_hardest_moment_is_shown_by_every_network_side_by_side(
    page: Page, site: Site, film: Path, picture: Picture
):
    page.goto(f"{site.address}/?film={site.drop(film)}")
    page.get_by_label("Keep the size").check()
    page.get_by_role("button", name="Preview the hardest two seconds").click()
    player = page.locator("film-preview film-compare")
    expect(player.locator("figcaption button")).to_have_text(["Original", *everyday_networks()])
    expect(player.locator(".name.right")).to_have_text(everyday_networks()[-1])
    player.get_by_label("Film on the right").select_option("bicubic")
    expect(player.locator(".name.right")).to_have_text("bicubic")
    profiles = player.locator("img")
    profiles.last.scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.images].every((image) => image.naturalWidth === 12)"
    )  # a column a picture
    picture(page, "preview")
    page.reload()
    expect(page.locator("film-preview film-compare figure")).to_have_count(1 + len(everyday_networks()))


def test_a_job_survives_a_reload_and_a_new_server_and_ends_when_it_is_cancelled(
    page: Page, site: Site, film: Path, picture: Picture
):
    page.goto(f"{site.address}/?film={site.drop(film)}")
    page.get_by_label("60 per second").check()
    page.get_by_role("button", name="Enhance the whole film").click()
    job = page.locator("film-job")
    expect(job).to_contain_text(re.compile(r"\d+ of 10000 pictures, about \d+ minutes left"))
    picture(page, "progress")
    page.reload()
    expect(job).to_contain_text("of 10000 pictures")
    site.kill()
    expect(job).to_have_class(re.compile("lost"))
    site.start()
    expect(job).not_to_have_class(re.compile("lost"))
    expect(job).to_contain_text("of 10000 pictures")
    job.get_by_role("button", name="Cancel").click()
    expect(job).to_contain_text("Cancelled.")
    history = page.locator("film-history li").filter(has_text="cancelled")
    history.get_by_role("button", name="Delete").click()
    history.get_by_role("button", name="Really delete").click()
    expect(history).to_have_count(0)


def test_what_is_no_film_or_too_large_is_refused_with_a_reason(page: Page, site: Site, tmp_path: Path):
    refused = {
        "holiday.mp4 is a text file, not a film.": BAD_CLIPS["text"](tmp_path).read_bytes(),
        "holiday.mp4 has no moving picture": BAD_CLIPS["audio_only"](tmp_path).read_bytes(),
        "Not one byte came.": b"",
        "holiday.mp4 has 1.0 MiB; this page takes films of up to 1.0 MiB.": bytes(2**20 + 1),
    }
    page.goto(site.address)
    film = tmp_path / "holiday.mp4"
    for said, content in refused.items():
        film.write_bytes(content)
        page.get_by_label("Choose a video").set_input_files(film)
        expect(page.get_by_role("alert").filter(has_text=said)).to_be_visible()
