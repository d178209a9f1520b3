"""The card of images in a browser: crisp pixels, blinking, differences; and in the lab, beside the map and the test."""

import mimetypes
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from core.catalog.split import draw_for
from core.data.registry import DATA
from core.presentation import figures, image_cards
from core.presentation.figures.sheets import COLUMNS
from core.presentation.maps.scene import packed
from core.storage.gallery import entries
from core.system.arrays import Array
from pages import _components
from tests.browser.server import settled, shown
from tests.drawn import drawn_result
from tests.fakes import tiny_spec

pytestmark = pytest.mark.browser

RUN_MS = 180_000
ORIGIN = "http://images.test"
STYLE = (
    "<style>:root { --st-text-color: #1b2430; --st-background-color: #ffffff; --st-primary-color: #1f5fb0; }"
    " body { margin: 8px; }</style>"
)
HEAD = f'<!doctype html><meta charset="utf-8">{STYLE}<link rel="stylesheet" href="images/style.css"><body>'
START = """async (data) => {
  const { ImageCard } = await import("/images/main.js");
  globalThis.told = [];
  globalThis.heard = [];
  addEventListener("poison-lab-select", ({ detail }) => heard.push([detail.run, detail.row]));
  globalThis.card = new ImageCard(document.querySelector(".image-card"));
  card.report = (name, value) => told.push([name, value]);
  card.take(data);
}"""
TELL = """([run, row]) => dispatchEvent(
  new CustomEvent("poison-lab-select", { detail: { run, row, sender: null } }))"""
found = drawn_result(tiny_spec(train_size=60, budget=0.2)).plot
assert found is not None
PLOT = found
assert PLOT.poison_x is not None
POISON = PLOT.poison_x
CLASSES = ("Coat", "<b>Bag</b>", *(f"class {i}" for i in range(2, 10)))
FACTOR = figures.amplification(PLOT.base_x, POISON)
FIRST = PLOT.n_poison - 1
"""The pair that is shown first: its shift is the largest."""
DEFAULT = entries()[0].spec


def data(rows: list[int] | None = None, **cards: Any) -> Mapping[str, Any]:
    rows = list(range(PLOT.n_poison)) if rows is None else rows
    sheet = image_cards.pair_sheet(PLOT, rows)
    shown = image_cards.pair_data(PLOT, CLASSES, run="abc", factor=FACTOR) | {"remark": "", "notes": []} | cards
    size = {"width": sheet.width, "height": sheet.height, "each": sheet.each, "columns": COLUMNS}
    url = f"{ORIGIN}/sheet/{'-'.join(map(str, rows))}.png"
    return {"cards": shown, "sheet": {"url": url, "items": packed(np.asarray(rows), "<i4"), **size}, "selected": None}


@contextmanager
def started(browser: Browser, width: int = 314, **options: Any) -> Iterator[Page]:
    """A page with a card of images that has drawn its first pair."""
    page = browser.new_page(viewport={"width": width, "height": 600}, **options)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.route(f"{ORIGIN}/**", _answer)
    page.goto(f"{ORIGIN}/")
    page.evaluate(START, data())
    page.wait_for_function("card.sheet.image !== null")
    yield page
    assert problems == []
    page.close()


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name == "":
        route.fulfill(body=HEAD + _components.html("images"), content_type="text/html")
    elif name.startswith("sheet/"):
        rows = [int(row) for row in name.removeprefix("sheet/").removesuffix(".png").split("-")]
        route.fulfill(body=image_cards.pair_sheet(PLOT, rows).content, content_type="image/png")
    else:
        text = (_components.FOLDER / name).read_text()
        route.fulfill(body=text, content_type=mimetypes.guess_type(name)[0] or "")


def shows(canvas: Locator, image: Array, scale: int) -> None:
    """Hold the screen against an image (C, H, W) of which every pixel is a square of `scale` pixels."""
    pixels, wanted = np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("RGB")), enlarged(image, scale)
    height, width = wanted.shape[:2]
    corners = [(top, left) for top in (0, 1) for left in (0, 1)]  # the element may begin between two pixels
    found = (pixels[top : top + height, left : left + width] for top, left in corners)
    assert any(np.array_equal(part, wanted) for part in found)


def drawn(canvas: Locator) -> Array:
    """The pixels of a canvas in its own resolution, (height, width, 3)."""
    shown = canvas.evaluate(
        "c => [c.height, c.width, Array.from(c.getContext('2d').getImageData(0, 0, c.width, c.height).data)]"
    )
    return np.asarray(shown[2], np.uint8).reshape(shown[0], shown[1], 4)[..., :3]


def enlarged(image: Array, scale: int) -> Array:
    """An image (C, H, W) as it looks when every pixel is a square of `scale` pixels."""
    pixels = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    return np.asarray(pixels.repeat(scale, 0).repeat(scale, 1))


def frame(page: Page, side: str) -> Locator:
    return page.locator(f"[data-part={side}] [role=img]")


def test_small_images_are_enlarged_by_whole_factors_without_blur(browser: Browser) -> None:
    with started(browser) as page:
        for side, image in (("left", PLOT.base_x[FIRST]), ("right", POISON[FIRST])):
            canvas = frame(page, side)
            assert canvas.evaluate("c => getComputedStyle(c).imageRendering") == "pixelated"
            shows(canvas, image, 5)
        page.set_viewport_size({"width": 400, "height": 600})
        expect(frame(page, "left")).to_have_css("width", f"{6 * 28}px")
        shows(frame(page, "left"), PLOT.base_x[FIRST], 6)


def test_names_are_text_and_say_what_is_claimed(browser: Browser) -> None:
    with started(browser) as page:
        before, after = (CLASSES[int(y[FIRST])] for y in (PLOT.base_y, PLOT.poison_y))
        expect(page.locator(".claim")).to_have_text(f"{before} → claims {after}")
        expect(page.locator(".detail")).to_have_text(f"poisoned sample {FIRST} · shift {PLOT.shift[FIRST]:.2f}")
        meaning = f"The training set has it as {after}, though its base image is {before}."
        expect(page.locator(".meaning")).to_have_text(meaning)
        label = f"{before} → claims {after}, poisoned sample {FIRST}"
        expect(page.locator(".strip [aria-current=true]")).to_have_attribute("aria-label", label)
        bag = next(i for i in range(PLOT.n_poison) if CLASSES[int(PLOT.base_y[i])] == "<b>Bag</b>")
        page.evaluate("item => card.select(item)", bag)
        expect(page.locator(".claim")).to_contain_text("<b>Bag</b> → claims")
        assert page.locator(".image-card b").count() == 0
        expect(frame(page, "left")).to_have_attribute("aria-label", "The base image: <b>Bag</b>")


def test_a_kept_label_is_explained(browser: Browser) -> None:
    with started(browser) as page:
        page.evaluate("data => card.take(data)", data(after=packed(PLOT.base_y, "<u2")))
        before = CLASSES[int(PLOT.base_y[FIRST])]
        expect(page.locator(".claim")).to_have_text(f"{before}, label kept")
        words = f"Label kept: the training set has it as {before}, like its base image."
        expect(page.locator(".meaning")).to_have_text(words)


def test_a_tall_window_shows_more_and_larger_images_to_choose_from(browser: Browser) -> None:
    with started(browser) as page:
        thumb = page.locator(".strip canvas").first
        expect(thumb).to_have_css("width", "28px")
        page.set_viewport_size({"width": 1200, "height": 1000})
        expect(thumb).to_have_css("width", "56px")
        tops = page.eval_on_selector_all(".strip button", "all => new Set(all.map(b => b.offsetTop)).size")
        per_row = page.evaluate("Math.floor((document.querySelector('.strip').clientWidth + 3) / (56 + 6 + 3))")
        assert tops == -(-min(PLOT.n_poison, 24) // per_row)


def test_base_and_poison_blink_in_one_place_without_the_server(browser: Browser) -> None:
    with started(browser) as page:
        page.get_by_role("button", name="Blink").click()
        root, over = page.locator(".image-card"), frame(page, "right")
        for phase in ("base", "poison", "base"):
            expect(root).to_have_attribute("data-phase", phase)
        page.get_by_role("button", name="Pause").click()
        slider = page.get_by_role("slider")
        for key, image in (("Home", PLOT.base_x[FIRST]), ("End", POISON[FIRST])):
            slider.press(key)
            shows(over, image, 5)
        page.wait_for_timeout(1500)
        expect(root).to_have_attribute("data-phase", "poison")  # paused
        slider.press("ArrowLeft")
        expect(slider).to_have_attribute("aria-valuetext", "95 % poisoned")
        assert page.evaluate("told") == []


def test_nothing_blinks_by_itself_where_less_motion_is_wanted(browser: Browser) -> None:
    with started(browser, reduced_motion="reduce") as page:
        page.get_by_role("button", name="Blink").click()
        page.wait_for_timeout(1500)
        expect(page.locator(".image-card")).to_have_attribute("data-phase", "base")
        page.get_by_role("button", name="Play").click()
        expect(page.locator(".image-card")).to_have_attribute("data-phase", "poison")


def test_the_difference_is_amplified_around_grey_by_as_much_as_is_said(browser: Browser) -> None:
    with started(browser) as page:
        page.get_by_role("button", name=f"Difference × {FACTOR}").click()
        wanted = np.clip(128 + FACTOR * (POISON[FIRST].astype(int) - PLOT.base_x[FIRST]), 0, 255)
        assert len(np.unique(wanted)) == 1
        shows(frame(page, "right"), wanted.astype(np.uint8), 5)
        shows(frame(page, "left"), POISON[FIRST], 5)
        expect(page.locator("[data-part=right] figcaption")).to_have_text(f"difference × {FACTOR}")


def test_a_choice_is_told_and_one_that_is_told_is_shown(browser: Browser) -> None:
    with started(browser) as page:
        assert page.evaluate("heard") == []
        page.get_by_role("button", name="Next image").click()
        assert page.evaluate("heard") == [["abc", PLOT.n_clean + FIRST - 1]]
        root = page.locator(".image-card")
        expect(root).to_have_attribute("data-item", str(FIRST - 1))
        page.evaluate(TELL, ["abc", PLOT.n_clean])
        expect(root).to_have_attribute("data-item", "0")
        page.evaluate(TELL, ["other", PLOT.n_clean + 1])
        page.evaluate(TELL, ["abc", -1])
        expect(root).to_have_attribute("data-item", "0")
        page.evaluate(TELL, ["abc", int(PLOT.base_index[2])])
        expect(root).to_have_attribute("data-item", "2")
        np.testing.assert_array_equal(drawn(frame(page, "right")), enlarged(POISON[2], 1))


def test_arrow_keys_go_through_the_strip(browser: Browser) -> None:
    with started(browser) as page:
        page.locator("[aria-current=true]").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".image-card")).to_have_attribute("data-item", str(FIRST - 1))
        expect(page.locator("[aria-current=true]")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".image-card")).to_have_attribute("data-item", str(FIRST))
        expect(page.get_by_role("status")).to_contain_text(f"poisoned sample {FIRST}")
        assert page.locator(".strip [tabindex='0']").count() == 1


def test_another_sheet_is_asked_for_where_not_all_are_on_one(browser: Browser) -> None:
    with started(browser) as page:
        page.evaluate("data => card.take(data)", data([FIRST, FIRST - 1]))
        page.wait_for_function("card.sheet.places.size === 2")
        page.get_by_role("button", name="Next image").click()
        page.get_by_role("button", name="Next image").click()
        assert page.evaluate("told") == [["wanted", ["abc", "shift", 2]]]
        page.evaluate("data => card.take(data)", data([FIRST - 2, FIRST - 3]))
        page.wait_for_function("(item) => card.sheet.places.has(item)", arg=FIRST - 2)
        expect(page.locator(".image-card")).not_to_have_class("image-card waiting")
        np.testing.assert_array_equal(drawn(frame(page, "right")), enlarged(POISON[FIRST - 2], 1))
        assert page.evaluate("told.length") == 1


@pytest.mark.parametrize("selector", [".strip [data-item]:not([aria-current=true])", ".strip [aria-current=true]"])
def test_a_press_holds_though_the_server_answers_meanwhile(browser: Browser, selector: str) -> None:
    with started(browser) as page:
        thumb = page.locator(selector).last
        item = thumb.get_attribute("data-item")
        thumb.hover()
        page.mouse.down()
        page.evaluate("data => card.take(data)", data())
        page.evaluate("new Promise(requestAnimationFrame)")
        page.mouse.up()
        expect(page.locator(".image-card")).to_have_attribute("data-item", str(item))
        page.wait_for_function("heard.length === 1")
        # What waited is drawn, and later answers are drawn at once.
        expect(page.locator(f".strip [data-item='{item}']")).to_have_attribute("aria-current", "true")
        page.evaluate("data => { card.take(data); card.show(card.rows[2]); }", data())
        third = page.evaluate("card.rows[2]")
        expect(page.locator(".strip [aria-current=true]")).to_have_attribute("data-item", str(third))


def test_an_open_list_of_orders_outlives_an_answer(browser: Browser) -> None:
    with started(browser) as page:
        option = page.locator("[data-part=order] option").last.element_handle()
        page.evaluate("data => card.take(data)", data())
        assert option.evaluate("one => one.isConnected")


def test_images_without_a_change_have_nothing_to_compare(browser: Browser) -> None:
    with started(browser) as page:
        page.evaluate("data => card.take(data)", data(factor=0, remark="No pixel is changed."))
        expect(page.get_by_role("button", name="Blink")).to_be_hidden()
        expect(shown(page, "No pixel is changed.")).to_be_visible()
        assert page.locator("figure:visible").count() == 1


def in_lab(page: Page, address: str) -> tuple[Locator, Locator]:
    """The lab with the run that ships, its card of images and its map."""
    page.goto(f"{address}/lab")
    images, plot = page.locator(".image-card"), page.locator(".map")
    expect(images).to_have_attribute("data-count", str(DEFAULT.n_poison), timeout=RUN_MS)
    expect(plot).to_have_attribute("data-count", str(DEFAULT.train_size + DEFAULT.n_poison))
    settled(page)
    return images, plot


def click_poison(page: Page, plot: Locator) -> int:
    """Click on some poisoned sample of the map, and give its number."""
    box = plot.locator(".over").bounding_box()
    assert box
    for y in range(40, int(box["height"]) - 40, 20):
        for x in range(40, int(box["width"]) - 40, 20):
            page.mouse.move(box["x"] + x, box["y"] + y)
            row = int(plot.get_attribute("data-hovered") or -1)
            if row >= DEFAULT.train_size:
                page.mouse.down()
                page.mouse.up()
                return row - DEFAULT.train_size
    raise AssertionError("there is no poison on the map")


def test_a_click_on_the_map_shows_the_pair_and_a_pair_marks_its_point(page: Page, address: str) -> None:
    images, plot = in_lab(page, address)
    item = click_poison(page, plot)
    assert item >= 0
    expect(images).to_have_attribute("data-item", str(item))
    expect(images.locator(".detail")).to_contain_text(f"poisoned sample {item} ")
    claim = plot.get_by_role("region", name="Selected point").locator("strong")
    expect(claim).to_have_text(images.locator(".claim").inner_text())
    thumb = images.locator(".strip [data-item]:not([aria-current=true])").last
    other = int(thumb.get_attribute("data-item") or -1)
    thumb.click()
    assert other != item
    expect(images).to_have_attribute("data-item", str(other))
    expect(plot).to_have_attribute("data-selected", str(DEFAULT.train_size + other))
    expect(claim).to_have_text(images.locator(".claim").inner_text())


def test_newly_misread_test_images_are_shown_and_the_map_leads_back(page: Page, address: str) -> None:
    images, plot = in_lab(page, address)
    page.get_by_role("radio", name="Newly misread").click()
    claim, detail = images.locator(".claim"), images.locator(".detail")
    expect(claim).to_contain_text(", now read as ", timeout=RUN_MS)
    tested = draw_for(DEFAULT)
    row = int(detail.inner_text().removeprefix("test image "))
    before, after = claim.inner_text().split(", now read as ")
    assert before == DATA[DEFAULT.data].classes[int(tested.test_y[row])] != after
    canvas = frame(page, "right")
    assert canvas.evaluate("c => getComputedStyle(c).imageRendering") == "pixelated"
    np.testing.assert_array_equal(drawn(canvas), enlarged(np.asarray(tested.test_x[row]), 1))
    count, righted, more = (int(word) for word in re.findall(r"(\d+)", images.locator(".remark").inner_text())[:3])
    assert count - righted == more
    expect(shown(page, f"make {more} more of 1,000 test images wrong").first).to_be_visible()
    item = click_poison(page, plot)
    expect(images).to_have_attribute("data-item", str(item))
    expect(detail).to_contain_text(f"poisoned sample {item} ")
    expect(page.get_by_role("radio", name="Poison")).to_be_checked()
