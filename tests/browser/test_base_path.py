"""The lab under a path, as behind a proxy: every page by link and by navigation, and the links that pages show."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.serving.middleware import PERSON_COOKIE
from core.storage import gallery
from tests.browser import server as app_server
from tests.browser.server import shown
from tests.browser.test_bring import zip_of
from tests.links import PAGES

pytestmark = [pytest.mark.browser, pytest.mark.slow]

BASE = "/user/ada/lab"
"""Of several parts, as under JupyterHub, and the last one is the name of a page, too."""
HASHES = [entry.spec.hash for entry in gallery.entries()[:2]]


@pytest.fixture(scope="module")
def under(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with app_server.server(tmp_path_factory.mktemp("home"), base=BASE) as url:
        yield url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(app_server.PAGE_MS)
    expect.set_options(timeout=app_server.PAGE_MS)
    yield context
    context.close()


@pytest.fixture
def asked(context: BrowserContext) -> list[str]:
    """The paths of all requests of the browser."""
    paths: list[str] = []
    context.on("request", lambda request: paths.append(urlsplit(request.url).path))
    return paths


def stands(page: Page, url: str) -> None:
    """The page at this address has been drawn, without a fault."""
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
    app_server.settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(shown(page, "Page not found")).to_have_count(0)
    assert page.url.partition("?")[0] == url


def test_every_page_opens_by_its_link_and_asks_for_nothing_outside(
    context: BrowserContext, under: str, asked: list[str]
) -> None:
    for path in PAGES:  # the first one is a deep link on a server on which nobody has opened a page yet
        page = context.new_page()
        page.goto(f"{under}/{path}")
        stands(page, f"{under}/{path}")
        page.close()
    # Streamlit looks for itself below the page's path first, and is answered by the page.
    assert {path for path in asked if not path.startswith(f"{BASE}/")} == set()


def test_the_bare_address_and_the_navigation_lead_to_every_page(context: BrowserContext, under: str) -> None:
    page = context.new_page()
    page.goto(f"{under}/")
    stands(page, f"{under}/lab")
    seen = set()
    listed = [path for path in PAGES if path not in ("present", "projector")]  # to the projector a challenge leads
    for path in [*listed, "present"]:  # which shows no navigation
        link = f"a[href$='{BASE}/{path}']"
        shown = page.locator(f"[data-testid=stTopNav] {link}, [data-testid=stTopNavPopover] {link}")
        app_server.reveal(page, shown).click()
        page.wait_for_url(f"{under}/{path}*")
        stands(page, f"{under}/{path}")
        seen.add(path)
    assert seen == {*PAGES} - {"projector"}


def test_links_between_pages_lead_to_what_they_name(context: BrowserContext, under: str) -> None:
    page = context.new_page()
    page.goto(f"{under}/lab")
    stands(page, f"{under}/lab")
    links = page.get_by_test_id("stMain").get_by_test_id("stPageLink-NavLink")
    targets = dict.fromkeys(str(link.get_attribute("href")) for link in links.all())
    assert len(targets) >= 3
    for target in targets:
        address = urljoin(page.url, target).partition("?")[0]
        assert address.removeprefix(f"{under}/") in PAGES
        page.get_by_test_id("stMain").locator(f"a[href='{target}']:visible").first.click()
        page.wait_for_url(f"{address}*")
        stands(page, address)
        page.goto(f"{under}/lab")
        stands(page, f"{under}/lab")


@pytest.mark.parametrize(
    ("at", "opener", "to"),
    [
        ("teach", "", "lab"),
        (f"stages?run={HASHES[0]}", "Link", "stages"),
        (f"present?run={HASHES[0]}&step=5", "Run", "present"),
    ],
)
def test_a_link_to_share_opens_in_another_browser(at: str, opener: str, to: str, browser: Browser, under: str) -> None:
    with browser.new_context() as first, browser.new_context() as second:
        for each in (first, second):
            each.set_default_timeout(app_server.PAGE_MS)
        page = first.new_page()
        page.goto(f"{under}/{at}")
        stands(page, f"{under}/{at.partition('?')[0]}")
        if opener:
            page.get_by_role("button", name=opener).first.click()
        link = page.get_by_test_id("stCode").first.inner_text().strip()
        assert link.partition("?")[0] == f"{under}/{to}"
        other = second.new_page()
        other.goto(link)
        stands(other, f"{under}/{to}")


def test_checks_answer_under_the_path_and_at_the_root(under: str) -> None:
    root = under.removesuffix(BASE)
    for path in ("/ready", "/metrics"):
        assert {app_server.status_of(f"{at}{path}") for at in (under, root)} <= {200, 503}
    with urllib.request.urlopen(f"{under}/metrics", timeout=30) as answer:
        assert b"poison_lab_up " in answer.read()


def test_the_cookie_is_for_this_path_alone(context: BrowserContext, under: str) -> None:
    page = context.new_page()
    page.goto(f"{under}/gallery")
    stands(page, f"{under}/gallery")
    cookies = {cookie["name"]: cookie["path"] for cookie in context.cookies()}
    assert cookies[PERSON_COOKIE] == BASE


def test_an_upload_and_its_images_go_through_the_path(
    context: BrowserContext, under: str, asked: list[str], tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(f"{under}/bring")
    stands(page, f"{under}/bring")
    page.locator(".st-key-file-images input[type=file]").set_input_files(zip_of(tmp_path, "cats", "dogs"))
    expect(page.get_by_test_id("stMain")).to_contain_text("cats")
    app_server.settled(page)
    assert any(path.startswith(f"{BASE}/_stcore/upload_file/") for path in asked)
    assert {path for path in asked if not path.startswith(f"{BASE}/")} == set()


def test_the_modules_of_the_playground_come_from_below_the_path(
    context: BrowserContext, under: str, asked: list[str]
) -> None:
    page = context.new_page()
    page.goto(f"{under}/playground")
    expect(page.locator("[data-part=clean]")).to_contain_text("%")
    modules = {path.rpartition("/")[2] for path in asked if "/_stcore/bidi-components/" in path}
    assert {"main.js", "head.js", "scene.js", "style.css"} <= modules
    assert {path for path in asked if not path.startswith(f"{BASE}/")} == set()
