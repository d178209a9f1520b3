"""Every page as the first one that a person opens: it stands, keeps the policy, and nothing complains."""

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from core.system.paths import ROOT
from tests.browser.server import settled, shown
from tests.links import PAGES

pytestmark = pytest.mark.browser


def notes_breaches(page: Page) -> list[str]:
    """A list that takes what the page does against the server's policy of what it may load."""
    broken: list[str] = []
    page.on("console", lambda told: broken.append(told.text) if "Content Security Policy" in told.text else None)
    return broken


def test_every_file_of_a_page_has_a_path() -> None:
    files = [path.stem for path in (ROOT / "pages").glob("[a-z]*.py") if path.stem != "shell"]
    assert sorted(PAGES) == sorted(files)


@pytest.mark.parametrize("path", PAGES)
def test_a_link_opens_its_page_to_a_new_person(path: str, page: Page, address: str) -> None:
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Streamlit looks for itself below the path first; fonts come from another server.
        source = message.location["url"]
        if message.type == "error" and source.startswith(address) and "/_stcore/" not in source:
            complaints.append(message.text)

    broken = notes_breaches(page)
    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/{path}")
    heading = page.get_by_test_id("stMain").get_by_role("heading", level=1)
    expect(heading).to_be_visible()
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    expect(shown(page, "Page not found")).to_have_count(0)
    expect(shown(page, "can't be used as they are")).to_have_count(0)
    assert (heading.inner_text() == "Poison Lab") == (path == "lab")
    assert page.url.partition("?")[0] == f"{address}/{path}"
    assert complaints == []
    assert broken == []
