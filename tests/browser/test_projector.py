"""The projector's view from the last row of a room: large type, everything on one screen, light and dark."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from core.challenge import codes, predictions
from core.challenge.folder import Challenge
from core.challenge.people import join
from core.challenge.submissions import hand_in_attack, hand_in_defence
from core.challenge.verdicts import Pair, Verdict
from pages._projector import ROWS
from tests.browser.server import Tabs, Theme, server, settled, shown
from tests.browser.test_accessibility import violations
from tests.challenge.conftest import next_round
from tests.challenge.conftest import opened as opened_challenge

pytestmark = pytest.mark.browser

LEAST_TEXT, LEAST_CODE = 28.0, 96.0
"""Pixels of type."""
SCREENS = [(1920, 1080), (1280, 720)]
NAMES = [f"Maximiliane von Musterm {number:02d}"[-24:] for number in range(ROWS + 2)]
STEP = "duel-1"

MEASURE = """() => {
  const all = [...document.querySelectorAll(".projector *, .st-key-projector-question *")];
  const has = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = all.filter(has);
  const shown = texts.filter((element) => element.getBoundingClientRect().width > 0);
  const boxes = [...document.querySelectorAll(".projector, .projector tr")].map((e) => e.getBoundingClientRect());
  const main = document.querySelector("[data-testid=stMain]");
  return {
    smallest: Math.min(...shown.map((element) => parseFloat(getComputedStyle(element).fontSize))),
    count: shown.length,
    code: parseFloat(getComputedStyle(document.querySelector(".projector .code strong")).fontSize),
    bottom: Math.max(...boxes.map((box) => box.bottom)),
    right: Math.max(...boxes.map((box) => box.right)),
    down: main.scrollHeight - main.clientHeight,
    across: main.scrollWidth - main.clientWidth,
  };
}"""


@dataclass
class Room:
    """A server, and challenges by what the projector shows of them."""

    address: str
    challenges: dict[str, Challenge]


def attacked(*rounds: str) -> Challenge:
    """A challenge with more people than the board has rows, who all were judged."""
    challenge = opened_challenge("attack", *rounds)
    for number, name in enumerate(NAMES):
        entry = hand_in_attack(challenge, join(challenge, name)[0], {"name": "label-flip"}, None)
        verdict = Verdict(entry.id, "judged", clean=0.9, pairs=(Pair(entry.id, "", 0.5, 10.0 + number),))
        challenge.write("verdicts", entry.id, verdict.to_json())
    return challenge


def defended() -> Challenge:
    """One whose second round has as many chains of defences."""
    challenge = attacked("defence")
    attack = challenge.names("submissions")[-1]
    next_round(challenge)
    for number in range(ROWS + 2):
        entry = hand_in_defence(challenge, join(challenge, f"Defender {number:02d}")[0], ["sphere"])
        verdict = Verdict(entry.id, "judged", clean=0.9, pairs=(Pair(attack, entry.id, 0.7, 20.0 - number / 2),))
        challenge.write("verdicts", entry.id, verdict.to_json())
    return challenge


def predicted() -> Challenge:
    """One whose teacher shows what a class of thirty predicted."""
    challenge = attacked()
    for number in range(30):
        predictions.predict(challenge, codes.digest(str(number)), STEP, str(min(number // 12, 2)))
    challenge.change(lambda course: course.with_predictions(STEP, shown=True))
    return challenge


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_HOME", str(home))
        challenges = {"attacks": attacked(), "both": defended(), "predictions": predicted()}
        with server(home) as address:
            yield Room(address, challenges)


def projected(tabs: Tabs, room: Room, what: str, size: tuple[int, int], theme: Theme = "light") -> Page:
    page = tabs.open(*size, theme)
    page.goto(f"{room.address}/projector?code={room.challenges[what].code}")
    page.locator(".projector table tr").first.wait_for()
    settled(page)
    return page


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SCREENS)
@pytest.mark.parametrize("what", ["attacks", "both", "predictions"])
def test_the_last_row_of_a_room_reads_it(
    what: str, size: tuple[int, int], theme: Theme, tabs: Tabs, room: Room
) -> None:
    page = projected(tabs, room, what, size, theme)
    found = page.evaluate(MEASURE)
    assert found["smallest"] >= LEAST_TEXT
    assert found["code"] >= LEAST_CODE
    assert found["count"] >= 8
    assert (found["down"], found["across"]) == (0, 0), "nothing has to be scrolled"
    assert found["bottom"] <= size[1]
    assert found["right"] <= size[0]
    for hidden in ("stSidebar", "stHeader", "stTopNavSection"):
        expect(page.get_by_test_id(hidden).filter(visible=True)).to_have_count(0)
    assert violations(page) == []


def test_the_board_has_the_best_twelve_of_each_kind(tabs: Tabs, room: Room) -> None:
    page = projected(tabs, room, "both", SCREENS[0])
    attacks, defences = (table.locator("tbody tr") for table in page.locator(".projector table").all())
    expect(attacks).to_have_count(ROWS)
    expect(defences).to_have_count(ROWS)
    assert attacks.locator(".name").all_inner_texts() == NAMES[: -ROWS - 1 : -1]
    assert attacks.locator(".damage").all_inner_texts() == [f"{23 - place:.1f}" for place in range(ROWS)]
    assert defences.locator(".damage").all_inner_texts() == [f"{13.5 + place / 2:.1f}" for place in range(ROWS)]
    assert page.locator(".history").all_inner_texts() == [
        f"2 more; best so far: {NAMES[-3]} 21.0, {NAMES[-2]} 22.0, {NAMES[-1]} 23.0",
        "2 more; best so far: Defender 11 14.5, Defender 12 14.0, Defender 13 13.5",
    ]
    expect(shown(page, f"best pair: {NAMES[-1]} against Defender 13, 13.5 points")).to_be_visible()


def test_predictions_are_in_place_of_the_board_while_the_teacher_shows_them(tabs: Tabs, room: Room) -> None:
    page = projected(tabs, room, "predictions", SCREENS[0])
    expect(shown(page, "30 answers; 40 % said: Less than 2.")).to_be_visible()
    assert page.locator(".bars .share").all_inner_texts() == ["40 % (12)", "40 % (12)", "20 % (6)"]
    widths = [box["width"] for bar in page.locator(".bars .bar").all() if (box := bar.bounding_box())]
    assert widths[0] == pytest.approx(2 * widths[2], rel=0.02)
    expect(shown(page, "Attacks", exact=True)).to_have_count(0)
    challenge = room.challenges["predictions"]
    challenge.change(lambda course: course.with_predictions(STEP, shown=False))
    expect(shown(page, "Attacks", exact=True)).to_be_visible()
    challenge.change(lambda course: course.with_predictions(STEP, shown=True))
    expect(page.locator(".bars")).to_be_visible()


def test_on_a_phone_nothing_is_wider_than_the_screen(tabs: Tabs, room: Room) -> None:
    for what in room.challenges:
        page = projected(tabs, room, what, (390, 844))
        found = page.evaluate(MEASURE)
        assert found["right"] <= 390
        assert found["across"] == 0
        page.close()
