"""The page of a run in a browser, from disk: on a desktop and a phone, light and dark, printed, without JavaScript."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.recorded import NASTY, make_run, make_scored_run
from tests.serve.browser import FLAGS, executable
from translator.report.written import write_page
from translator.run_folder import RunFolder

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe_core = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")

pytestmark = pytest.mark.skipif(executable() is None, reason="Chromium is not installed: apt-get install chromium")

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable(), args=list(FLAGS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = make_scored_run(tmp_path_factory.mktemp("runs") / NASTY.replace("/", "|"))
    write_page(run)
    return run


@pytest.fixture
def opened(browser: Any) -> Iterator[Open]:
    """Opens the page of a run, in a window with some settings. What the browser complains of fails the test."""
    contexts, complaints = [], []

    def opened(run: RunFolder, **settings: Any) -> Any:
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: complaints.append(request.url) if request.url != page.url else None)
        page.goto(run.page.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [each for each in complaints if not each.startswith("file://")] == []


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_the_page_fits_its_window_and_draws_its_charts(width: int, scored: RunFolder, opened: Open):
    page = opened(scored, viewport={"width": width, "height": 800}, java_script_enabled=False)
    # The window of Playwright's own measures, since the page runs no script.
    charts = [chart.bounding_box() for chart in page.locator("svg.chart").all()]
    assert len(charts) == 6
    assert all(250 < box["width"] <= width and box["x"] + box["width"] <= width for box in charts)
    assert all(page.locator(place).bounding_box()["width"] <= width for place in ("h1", ".tiles", "table >> nth=0"))


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_stands_out_of_the_window(width: int, scored: RunFolder, opened: Open):
    page = opened(scored, viewport={"width": width, "height": 800})
    for details in page.locator("details").all():
        details.locator("summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_is_accessible(scheme: str, scored: RunFolder, opened: Open):
    page = opened(scored, color_scheme=scheme, bypass_csp=True)
    found = axe_core.Axe().run(page, options={"rules": {"scrollable-region-focusable": {"enabled": False}}})
    assert found.violations_count == 0, found.generate_report()


def test_lines_have_other_colors_in_the_dark(scored: RunFolder, opened: Open):
    color = "getComputedStyle(document.querySelector('.line-1 polyline')).stroke"
    light, dark = (opened(scored, color_scheme=each).evaluate(color) for each in ("light", "dark"))
    assert light == "rgb(9, 105, 218)"
    assert dark == "rgb(88, 166, 255)"


def test_the_page_prints_on_few_sheets_without_what_is_folded(scored: RunFolder, opened: Open, tmp_path: Path):
    page = opened(scored)
    printed = page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 6
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert not page.locator("summary").first.is_visible()
    assert page.locator("svg.chart").first.is_visible()


def test_an_open_page_shows_what_has_been_written_since(opened: Open, tmp_path: Path):
    run = make_run(tmp_path / "run")
    write_page(run, is_open=True)
    # Sooner than a user's.
    run.page.write_text(run.page.read_text(encoding="utf-8").replace('content="20"', 'content="1"'), encoding="utf-8")
    page = opened(run)
    assert page.locator(".state").inner_text() == "training"
    write_page(run, is_open=False)
    sync_api.expect(page.locator(".state")).to_have_text("stopped before the end of its training", timeout=20_000)
