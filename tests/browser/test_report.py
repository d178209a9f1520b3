"""The report of a run, opened from the disk in a real browser that has no network."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from core.catalog.choices import resolve
from core.presentation import export
from core.presentation.report import report
from core.presentation.report_sections import MAX_IMAGES
from core.spec.experiment import parse_spec
from core.storage.runs import Store, StoredRun
from tests.browser import server as app_server
from tests.drawn import drawn_result

pytestmark = pytest.mark.browser

PLOTS = {"map", "accuracy", "per-class", "curve"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> StoredRun:
    spec = resolve(parse_spec({"train_size": 200, "test_size": 50, "budget": 0.2}))
    return Store(tmp_path_factory.mktemp("results"), shipped=None).put(drawn_result(spec))


@pytest.fixture(scope="module")
def file(run: StoredRun) -> Path:
    path = run.folder.parent / "report.html"
    path.write_text(report(run))
    return path


class Opened:
    """A page on the report, with whatever it complained of or asked the network for."""

    def __init__(self, browser: Browser, file: Path, width: int, scheme: str) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True
        )
        self.scheme = scheme
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(app_server.PAGE_MS)
        expect.set_options(timeout=app_server.PAGE_MS)
        self.asked: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.goto(file.as_uri())
        expect(self.page.locator(".js-plotly-plot")).to_have_count(len(PLOTS))


@pytest.fixture(scope="module", params=[(1400, "light"), (400, "dark")], ids=["wide-light", "phone-dark"])
def opened(browser: Browser, file: Path, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The report once for all tests, which change nothing on it; they look at paper last."""
    there = Opened(browser, file, *request.param)
    yield there
    there.context.close()


def test_report_opens_whole_without_a_network(opened: Opened, file: Path, run: StoredRun) -> None:
    page = opened.page
    expect(page.get_by_role("heading", level=1)).to_contain_text("40 poisoned images cost a classifier")
    assert set(page.locator(".js-plotly-plot").evaluate_all("plots => plots.map(plot => plot.id)")) == PLOTS
    expect(page.locator("#accuracy .barlayer path")).to_have_count(3)
    expect(page.locator("#per-class .barlayer path")).to_have_count(10)
    expect(page.locator("#curve .scatterlayer .js-line")).to_have_count(2)
    lengths = "plot => Object.fromEntries(plot._fullData.map(trace => [trace.name, trace._length]))"
    points = page.locator("#map").evaluate(lengths)
    assert (points["base"], points["poisoned"]) == (40, 40)
    pictures = page.locator("main img").evaluate_all(
        "images => images.map(image => [image.alt.length > 10, image.complete, image.naturalWidth > 0])"
    )
    assert pictures == [[True, True, True]] * MAX_IMAGES
    assert [url for url in opened.asked if not url.startswith(("data:", "blob:"))] == [file.as_uri()]
    assert opened.errors == []


def test_map_is_painted(opened: Opened) -> None:
    canvas = opened.page.locator("#map .gl-canvas").first
    expect(canvas).to_be_visible()
    opened.page.wait_for_function(
        """source => {
            const copy = document.createElement('canvas');
            copy.width = source.width; copy.height = source.height;
            const pen = copy.getContext('2d');
            pen.drawImage(source, 0, 0);
            const { data } = pen.getImageData(0, 0, copy.width, copy.height);
            return data.filter((v, i) => i % 4 === 3 && v > 0).length > 500;
        }""",
        arg=canvas.element_handle(),
        polling=200,
    )


def test_colours_follow_the_person(opened: Opened) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    words = "getComputedStyle(document.querySelector('#per-class .ytick text')).fill"
    assert (opened.page.evaluate(background), opened.page.evaluate(words)) == {
        "light": ("rgb(255, 255, 255)", "rgb(27, 36, 48)"),
        "dark": ("rgb(18, 22, 29)", "rgb(232, 236, 242)"),
    }[opened.scheme]


def test_nothing_is_wider_than_its_page(opened: Opened) -> None:
    too_wide = opened.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
    assert not too_wide


def test_settings_and_table_are_saved_from_the_file(opened: Opened, run: StoredRun, tmp_path: Path) -> None:
    for words, content in (
        ("Save the settings", export.spec_json(run.spec).encode()),
        ("Save the table", export.table_file(run, ".csv")),
    ):
        with opened.page.expect_download() as download:
            opened.page.get_by_role("link", name=words).click()
        download.value.save_as(tmp_path / "saved")
        assert (tmp_path / "saved").read_bytes() == content


def test_paper_shows_what_is_folded_and_fits(opened: Opened) -> None:
    page = opened.page
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    expect(page.locator("details:not([open])")).to_have_count(0)
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    expect(page.locator("details[open]")).to_have_count(0)
    page.emulate_media(media="null")
