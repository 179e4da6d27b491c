"""The page in a real browser."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wfctl.core.runs import RunFolder

CHROMIUM = Path("/usr/bin/chromium")
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDTHS = (1280, 390)


@pytest.mark.skipif(not CHROMIUM.exists(), reason="needs a browser: apt-get install chromium")
def test_every_picture_is_drawn_and_nothing_is_fetched(
    train_run: Callable[..., RunFolder],
) -> None:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra dev")
    run = train_run("digits", "train.epochs=2")
    asked, complaints = [], []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        page = browser.new_page(viewport={"width": WIDTHS[0], "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(run.report_file.resolve().as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") == width
        drawings = [each.bounding_box() for each in page.query_selector_all("svg")]
        pictures = page.evaluate("[...document.images].map(image => image.naturalWidth)")
        cells = page.query_selector_all("svg rect.right")
        colour = cells[0].evaluate("cell => getComputedStyle(cell).fill")
        browser.close()
    assert len(drawings) == 3  # loss, accuracy, confusion matrix
    assert all(box is not None and box["width"] > 100 and box["height"] > 100 for box in drawings)
    assert pictures == [8] * 24
    assert len(cells) == 10
    assert colour == "rgb(47, 95, 179)"  # the page's own style was applied
    assert [url for url in asked if not url.startswith("data:")] == [
        run.report_file.resolve().as_uri()
    ]
    assert complaints == []
