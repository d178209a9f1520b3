"""A challenge in real browsers: teacher, attacker, defender and projector at once, and what nobody gets."""

import csv
import http.client
import io
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from core.challenge.folder import Challenge
from core.challenge.hidden import hidden_rows
from core.challenge.people import join
from core.challenge.submissions import hand_in_attack
from tests.browser.server import PAGE_MS, server, settled, shown
from tests.challenge.conftest import next_round
from tests.challenge.conftest import opened as opened_challenge
from tests.patience import until

pytestmark = pytest.mark.browser

SETTINGS = "attack=label-flip&train=100&test=60&budget=10&labels=chosen"
EVIL = "<img src onerror=evil=1>"
"""A name that is 24 letters long; `evil` would be a global of the page."""
JUDGED_MS = 120_000


Visit = Callable[[str], Page]
"""Opens a link in a browser of somebody else."""


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    contexts: list[BrowserContext] = []

    def opened(url: str) -> Page:
        contexts.append(browser.new_context(viewport={"width": 1366, "height": 768}))
        page = contexts[-1].new_page()
        page.set_default_timeout(PAGE_MS)
        page.goto(url)
        page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
        settled(page)
        return page

    yield opened
    for context in contexts:
        context.close()


def taking_part(visit: Visit, address: str, code: str, name: str) -> Page:
    """The page of somebody who has typed the code and a name."""
    page = visit(f"{address}/challenge")
    page.get_by_role("textbox", name="Code").fill(code.lower())
    page.get_by_role("textbox", name="Your name").fill(name)
    page.get_by_role("button", name="Take part").click()
    expect(shown(page, f"You are {name} in {code}")).to_be_visible()
    settled(page)
    return page


def press(page: Page, key: str) -> None:
    settled(page)
    page.locator(f".st-key-{key}").get_by_role("button").first.click()


def points(projector: Page, name: str, title: str = "Attacks") -> str:
    """The points of what somebody handed in, as the projector shows them."""
    table = projector.locator(".projector table").filter(has=projector.get_by_text(title, exact=True))
    line = table.locator("tbody tr").filter(has=projector.get_by_text(name, exact=True))
    expect(line).to_have_count(1, timeout=JUDGED_MS)
    return line.locator(".damage").inner_text()


@pytest.mark.slow
def test_a_class_attacks_and_defends(visit: Visit, address: str, tmp_path: Path) -> None:
    teacher = visit(f"{address}/challenge?{SETTINGS}")
    teacher.get_by_role("textbox", name="Title").fill("Flip <b>it</b>")
    teacher.get_by_role("combobox", name="Rounds").click()
    teacher.get_by_role("option", name="Both in turns, twice").click()
    teacher.get_by_role("button", name="Open the challenge").click()
    code = teacher.get_by_test_id("stMetricValue").filter(has_text=re.compile(r"^\w{4}-\w{4}$")).inner_text()
    teacher.wait_for_url(re.compile("teacher=[0-9a-f]{32}"))
    key = re.findall("teacher=([0-9a-f]{32})", teacher.url)[0]
    attacker = taking_part(visit, address, code, EVIL)
    projector = visit(f"{address}/projector?code={code.replace('-', '')}")
    expect(shown(projector, "The first round has not started yet.")).to_be_visible()
    assert attacker.locator(".st-key-hand-in-attack").count() == 0

    press(teacher, "challenge-start")
    expect(shown(projector, re.compile(r"Attack round, 1 of 4: \d+:\d\d left"))).to_be_visible()
    expect(attacker.locator(".st-key-ask-data input")).to_be_disabled()
    press(attacker, "hand-in-attack")
    expect(shown(attacker, "Confirmed: it will be judged")).to_be_visible()
    expect(shown(attacker, re.compile(r"Label flip: -?[\d.]+ points of damage"))).to_be_visible(timeout=JUDGED_MS)
    damage = points(projector, EVIL)
    expect(projector.locator(".projector .what").last).to_have_text("Label flip")
    expect(shown(attacker, f"Label flip: {damage} points of damage")).to_be_visible()

    press(teacher, "challenge-end")
    press(teacher, "challenge-start")
    defender = taking_part(visit, address, code, "Bob")
    defender.locator(".st-key-challenge-with").get_by_text("Sphere", exact=True).click()
    press(defender, "hand-in-defence")
    expect(shown(defender, "Confirmed: it will be judged")).to_be_visible()
    left = points(projector, "Bob", "Defences")
    expect(shown(projector, f"best pair: {EVIL} against Bob, {left} points")).to_be_visible()

    press(teacher, "challenge-freeze")
    expect(shown(projector, "frozen until the reveal")).to_be_visible()
    late = taking_part(visit, address, code, "Cy")
    late.locator(".st-key-challenge-with").get_by_text("Neighbours' labels", exact=True).click()
    press(late, "hand-in-defence")
    expect(shown(late, re.compile(r"leaves -?[\d.]+ points"))).to_be_visible(timeout=JUDGED_MS)
    expect(shown(projector, "Cy", exact=True)).to_have_count(0)
    press(teacher, "challenge-reveal")
    last = points(projector, "Cy", "Defences")
    expect(shown(projector, "The challenge is over.")).to_be_visible()

    with teacher.expect_download() as download:
        press(teacher, "challenge-csv")
    download.value.save_as(tmp_path / "all.csv")
    lines = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
    assert [(line["name"], line["kind"], line["state"], line["damage"]) for line in lines] == [
        (EVIL, "attack", "judged", damage),
        ("Bob", "defence", "judged", left),
        ("Cy", "defence", "judged", last),
    ]
    for page in (teacher, attacker, projector, defender, late):
        assert page.evaluate("typeof evil") == "undefined"
        assert page.locator("img[onerror], img[src='']").count() == 0
        assert page.locator("h1 b, h3 b").count() == 0
        assert page is teacher or key not in page.content()


@dataclass(frozen=True)
class Judged:
    """A challenge in its second round, whose one attack has been judged, on a server of its own.

    `runs` are what that run could be called: the hash of its settings, and the name of its work in the queue.
    """

    address: str
    home: Path
    challenge: Challenge
    runs: tuple[str, str]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    home = tmp_path_factory.mktemp("judged")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POISON_LAB_HOME", str(home))
            challenge = opened_challenge("attack", "defence", "attack")
            hand_in_attack(challenge, join(challenge, "Ada")[0], {"name": "label-flip"}, None)
            next_round(challenge)
            hidden_rows(challenge)
            [name] = challenge.names("submissions")
            run = challenge.rules.spec_of({"name": "label-flip"}, None).hash
            address = stack.enter_context(server(home))
            until(lambda: name in challenge.names("verdicts"))
        yield Judged(address, home, challenge, (run, f"challenge-{challenge.code}-{name}"))


PLACES = (
    "challenges/{code}/challenge.json",
    "challenges/{code}/submissions",
    "secret",
    "home/secret",
    "cache",
    "results",
)
WAYS = ("/{}", "/../{}", "/..%2f{}", "/%2e%2e/{}", "/static/../../{}", "/static/..%2f..%2f{}", "/media/..%2f..%2f{}")
COMPONENT = "/_stcore/bidi-components/poison-lab.playground/"


def test_nothing_of_a_challenge_is_reached_by_an_address(judged: Judged) -> None:
    """Its files, the secret that draws its hidden test images, and the cache with their features."""
    secret = (judged.home / "secret").read_bytes()
    teacher = judged.challenge.teacher.encode()
    assert len(secret) == 32
    for place in PLACES:
        target = place.format(code=judged.challenge.code)
        for way in (
            *WAYS,
            COMPONENT + "../../../../{}",
            COMPONENT + "..%2f..%2f..%2f{}",
            "/" + quote("../" * 4, "") + "{}",
        ):
            for path in (way.format(target), way.format(f"{judged.home}/{target}".lstrip("/"))):
                connection = http.client.HTTPConnection(urlsplit(judged.address).netloc, timeout=60)
                connection.request("GET", path)  # as it stands: urllib would tidy it up
                body = connection.getresponse().read()
                connection.close()
                assert secret not in body, path
                assert teacher not in body, path


@pytest.mark.parametrize("place", ["lab", "defend", "stages", "features", "present"])
def test_a_judged_run_opens_by_no_link(place: str, judged: Judged, page: Page) -> None:
    """Neither by the hash of its settings nor by the name that its work has in the queue."""
    for run in judged.runs:
        link = f"{place}?{SETTINGS}" if place == "lab" else f"{place}?run={run}"
        page.goto(f"{judged.address}/{link}")
        page.get_by_test_id("stMain").get_by_role("heading").first.wait_for()
        settled(page)
        expect(shown(page, "Already computed")).to_have_count(0)
        if place != "lab":
            expect(page.get_by_test_id("stAlert").first).to_be_visible()


def test_codes_are_not_found_by_trying(visit: Visit, address: str) -> None:
    page = visit(f"{address}/challenge")
    for number in range(12):
        page.get_by_role("textbox", name="Code").fill(f"ABCD-EF{23 + number}")
        page.get_by_role("textbox", name="Your name").fill("Eve")
        page.get_by_role("button", name="Take part").click()
        settled(page)
    expect(shown(page, "Too many wrong codes were tried")).to_be_visible()
