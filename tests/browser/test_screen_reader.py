"""What a screen reader says along a whole experiment and a whole lesson: names and values of all, and what changes."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from core.spec.events import STAGES
from tests.browser.server import settled, shown
from tests.browser.test_keyboard import tab_to

pytestmark = pytest.mark.browser

RUN_MS = 120_000
HEAR = """
new MutationObserver(() => {
  const words = document.getElementById("spoken")?.textContent;
  if (words && words !== window.last) { window.last = words; (window.heard ??= []).push(words); }
}).observe(document, {childList: true, subtree: true, characterData: true});
"""
KNOWN = ("Run going: ", "Queued", "Starting", "Waiting", *STAGES.values())
"""How the words begin that tell of a run."""
UNNAMED = re.compile(
    r"^ *- (button|combobox|slider|radio|switch|link|textbox|spinbutton|heading)(:| \[|$)", re.MULTILINE
)
SENTENCE = "60 poisoned images among 2,060 make 77 more of 1,000 test images wrong."
SIDEBAR = (
    'combobox "Attack": Frank–Wolfe, pixels',
    ': "3"',
    'radiogroup "Computed budgets, %"',
    'radio "3" [checked]',
    'combobox "Data": Fashion-MNIST',
    'combobox "Extractor": Small ResNet-10, Fashion-MNIST',
    'button "Run"',
)
RESULT = (
    'heading "Poison Lab" [level=1]',
    f"strong: {SENTENCE}",
    'radio "Poison" [checked]',
    'radio "Newly misread"',
    'button "Side by side" [pressed]',
    'img "The base image: Pullover"',
    'img "The poisoned image: Pullover, label kept"',
    "Label kept: the training set has it as Pullover, like its base image.",
    'button "Pullover, label kept, poisoned sample 22"',
    'application "Map of 2,000 clean training features by class and of 60 poisoned samples, labelled: 29 as Shirt, '
    '22 as Pullover, 9 as Coat"',
    'figure "Test accuracy 86.8 % without poison, 79.1 % with poison: 7.7 points lost"',
)


def heard(page: Page) -> list[str]:
    """What the status of the page has said so far."""
    words: list[str] = page.evaluate("window.heard ?? []")
    return words


def says_last(page: Page, words: str | re.Pattern[str]) -> None:
    expect(page.locator("#spoken")).to_have_text(words, timeout=RUN_MS)


def said(place: Locator) -> str:
    """Names, values and text, as a screen reader has them; nothing is without a name."""
    snapshot = place.aria_snapshot()
    assert UNNAMED.findall(snapshot) == []
    return snapshot


def test_an_experiment_is_said_from_its_settings_to_its_result(page: Page, address: str) -> None:
    page.add_init_script(HEAR)
    page.goto(f"{address}/lab")
    expect(page.locator(".image-card")).to_have_attribute("data-count", "60")
    settled(page)
    sidebar, result = said(page.get_by_test_id("stSidebar")), said(page.get_by_test_id("stMain"))
    assert [words for words in SIDEBAR if words not in sidebar] == []
    assert [words for words in RESULT if words not in result] == []
    says_last(page, SENTENCE)

    page.goto(f"{address}/lab?attack=label-flip&train=100&test=40")
    expect(shown(page, "Computes these settings")).to_be_visible()
    settled(page)
    tab_to(page, page.locator(".st-key-run button"))
    page.keyboard.press("Enter")
    story = "3 poisoned images among 103 make "
    says_last(page, re.compile(f"^{story}"))
    settled(page)
    before = [words for words in heard(page) if not words.startswith(("3 ", "60 "))]
    assert before
    assert [words for words in before if not words.startswith(KNOWN)] == []
    assert heard(page)[-1] == page.locator(".st-key-story p").inner_text()
    result = said(page.get_by_test_id("stMain"))
    cost = re.search(r"On 40 test images; 3 poisoned samples cost (-?[\d.]+) points", result)
    assert cost
    assert re.search(rf"with poison: {cost[1].lstrip('-')} points (lost|gained)", result)
    assert "No pixel is changed, only the labels are wrong." in result
    assert re.search(r'img "The poisoned image: .+ → claims .+"|img "The base image: .+', result)
    assert re.search(r"The training set has it as .+, though its base image is .+\.", result)


def test_a_run_that_goes_has_a_named_bar(page: Page, address: str) -> None:
    page.goto(f"{address}/lab?attack=tgda-feature&steps=5000&train=400&test=50&seed=7")
    expect(shown(page, "Computes these settings")).to_be_visible()
    settled(page)
    page.locator(".st-key-run button").click()
    stage = STAGES["stage2"]
    says_last(page, re.compile(f"^Run going: {stage}"))
    bar = page.get_by_test_id("stSidebar").get_by_role("progressbar", name=stage)
    expect(bar).to_have_attribute("aria-valuenow", re.compile(r"\d+"))
    page.get_by_role("button", name="Cancel").click()
    expect(
        page.get_by_role("status").or_(page.get_by_role("alert")).filter(has_text="The run was cancelled")
    ).to_be_visible()


def test_a_lesson_is_said_from_its_question_to_its_end(page: Page, address: str) -> None:
    page.add_init_script(HEAR)
    page.goto(f"{address}/lessons?lesson=flips")
    expect(shown(page, "12 poisoned among 412 training images")).to_be_visible()
    settled(page)
    main = page.get_by_test_id("stMain")
    says_last(page, re.compile(r"^Step 1 of \d"))
    asked = said(main)
    for words in ('heading "Label flips, the baseline" [level=1]', 'progressbar "Step 1 of', 'radio "From 1 to 5"'):
        assert words in asked
    assert 'button "Submit prediction" [disabled]' in asked
    question = main.get_by_role("radiogroup").first
    name = question.get_attribute("aria-label") or ""
    tab_to(page, question.get_by_role("radio").first)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(question.get_by_role("radio", name="From 1 to 5")).to_be_checked()
    tab_to(page, page.get_by_role("button", name="Submit prediction"))
    page.keyboard.press("Enter")
    says_last(page, "You predicted: From 1 to 5 The result: not there yet")
    assert name in said(main)
    expect(shown(page, "on this machine")).to_be_visible()
    settled(page)
    tab_to(page, page.get_by_role("button", name="Run it"))
    page.keyboard.press("Enter")
    says_last(page, re.compile(r"^You predicted: From 1 to 5 .*Flipped copies: 12; points lost: "))
    settled(page)
    going = [words for words in heard(page) if not words.startswith(("Step 1 of ", "You predicted: "))]
    assert going
    assert [words for words in going if not words.startswith(KNOWN)] == []
    result = said(main)
    assert re.search(r'figure "Test accuracy: Clean [\d.]+ %, Poisoned [\d.]+ %; a drop of -?[\d.]+ points"', result)
    assert re.search(r'figure "Points of accuracy lost per class: \S.* -?[\d.]+(, \S.* -?[\d.]+){9}"', result)
    tab_to(page, page.get_by_role("button", name="Next step"), key="Shift+Tab")
    page.keyboard.press("Enter")
    says_last(page, re.compile(r"^Step 2 of \d"))
    expect(page.get_by_role("heading", name="Ten times as many")).to_be_visible()
