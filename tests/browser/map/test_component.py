"""The map's component with mouse and keyboard, without a server: names, picking, lasso, and how fast it draws."""

import mimetypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from core.presentation.maps.scene import MapScene, Mark
from pages import _components

pytestmark = pytest.mark.browser

FOLDER = _components.FOLDER / "map"
ORIGIN = "http://map.test"
STYLE = (
    "<style>:root { --st-text-color: #1b2430; --st-background-color: #ffffff; --st-primary-color: #1f5fb0; }</style>"
)
HEAD = f'<!doctype html><meta charset="utf-8">{STYLE}<link rel="stylesheet" href="style.css"><body>'
START = """async (data) => {
  const { FeatureMap } = await import("/main.js");
  globalThis.told = [];
  globalThis.map = new FeatureMap(document.querySelector(".map"));
  map.report = (name, value) => told.push([name, value]);
  map.take(data);
}"""
CLASSES = ("Coat", "Sneaker", "Bag")
RNG = np.random.default_rng(0)


def scene(each: int = 40, **fields: Any) -> MapScene:
    """Three clumps of `each` points, Coat in two islands, and three poisoned samples between them."""
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]])
    clean = np.concatenate([centre + 0.5 * RNG.normal(size=(each, 2)) for centre in centres])
    y = np.repeat([0, 0, 1, 2], each)
    poison = np.array([[5.0, 5.0], [2.0, 5.0], [5.0, 9.0]])
    n = len(clean)
    defaults: dict[str, Any] = {
        "xy": np.concatenate([clean, poison]).astype(np.float32),
        "n_clean": n,
        "y": np.concatenate([y, [0, 1, 2]]),
        "classes": CLASSES,
        "marks": [Mark("clean", "#3f90da", alpha=0.4), Mark("poisoned", "#e76300", "diamond", ring=True)],
        "mark": (np.arange(n + 3) >= n).astype(int),
        "base_y": np.array([1, 1, 2]),
        "base_index": np.array([2 * each, 2 * each + 1, 3 * each]),
        "start_xy": clean[[2 * each, 2 * each + 1, 3 * each]],
        "shift": np.array([1.0, 0.5, 0.25]),
        "predicted": np.concatenate([y, [1, 1, 2]]),
        "near": np.tile(np.arange(8), (n + 3, 1)),
        "run": "abc",
    }
    return MapScene(**{**defaults, **fields})


@contextmanager
def started(browser: Browser, shown: MapScene, **options: Any) -> Iterator[Page]:
    """A page with a map that has drawn its first frame."""
    page = browser.new_page(viewport={"width": 900, "height": 700})
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.route(f"{ORIGIN}/**", _answer)
    page.goto(f"{ORIGIN}/")
    page.evaluate(START, data(shown, **options))
    expect(page.locator(".map")).to_have_attribute("data-count", str(len(shown.xy)))
    yield page
    assert problems == []
    page.close()


def data(shown: MapScene, **options: Any) -> Mapping[str, Any]:
    defaults = {"height": 480, "big": False, "lasso": False, "card": True, "alt": "A map"}
    rows = {"lassoed": [], "pinned": [], "thumbs": None}
    return {"scene": shown.as_data(), "options": {**defaults, **options}, **rows}


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name == "":
        route.fulfill(body=HEAD + (FOLDER / "map.html").read_text(), content_type="text/html")
    else:
        route.fulfill(body=(FOLDER / name).read_text(), content_type=mimetypes.guess_type(name)[0] or "")


def pixel(page: Page, row: int) -> tuple[float, float]:
    """Where a point is on the page."""
    box = page.locator(".over").bounding_box()
    assert box
    x, y = page.evaluate("(row) => [map.picture.pixels[2 * row], map.picture.pixels[2 * row + 1]]", row)
    return box["x"] + x, box["y"] + y


def shades(page: Page, row: int) -> list[int]:
    """Red, green, blue and opacity in the middle of a point."""
    return page.evaluate(
        """(row) => {
          const { under, density, pixels } = map.picture;
          const place = [pixels[2 * row], pixels[2 * row + 1]].map((value) => Math.round(value * density));
          return Array.from(under.getContext("2d").getImageData(...place, 1, 1).data);
        }""",
        row,
    )


def test_points_are_painted_where_they_are_and_poison_is_orange(browser: Browser) -> None:
    with started(browser, scene(2)) as page:  # so few that no dot lies on another
        for row in (8, 9, 10):
            assert shades(page, row) == [0xE7, 0x63, 0x00, 255]
        red, green, blue, opacity = shades(page, 0)
        np.testing.assert_allclose([red, green, blue], [0x3F, 0x90, 0xDA], atol=3)
        assert opacity == pytest.approx(0.4 * 255, abs=3)


def test_every_island_has_a_name_off_the_poison_and_off_the_others(browser: Browser) -> None:
    with started(browser, scene()) as page:
        names = page.evaluate("map.picture.names")
        assert sorted(name["text"] for name in names) == ["Bag", "Coat", "Coat", "Sneaker"]
        for i, one in enumerate(names):
            for other in names[i + 1 :]:
                apart = [abs(one[axis] - other[axis]) for axis in ("x", "y")]
                sides = [(one[side] + other[side]) / 2 for side in ("width", "height")]
                assert apart[0] >= sides[0] or apart[1] >= sides[1]
            for row in (160, 161, 162):
                x, y = page.evaluate("(row) => Array.from(map.picture.pixels.slice(2 * row, 2 * row + 2))", row)
                assert abs(x - one["x"]) > one["width"] / 2 or abs(y - one["y"]) > one["height"] / 2


def test_a_crowded_name_stands_apart_on_a_line_or_is_left_out(browser: Browser) -> None:
    with started(browser, scene()) as page:
        island = {"text": "Coat", "width": 60, "height": 18, "x": 200, "y": 200, "share": 1}
        island |= {"low": [180, 220], "high": [220, 180]}
        place = "async ([islands, marks]) => (await import('/labels.js')).placeLabels(islands, marks, [], [400, 400])"
        (free,) = page.evaluate(place, [[island], []])
        assert free["line"] is None
        ring = [value for x in range(120, 290, 8) for y in range(130, 275, 8) for value in (x, y)]
        (apart,) = page.evaluate(place, [[island], ring])
        assert apart["line"] == [200, 200]
        full = [value for x in range(0, 400, 8) for y in range(0, 400, 8) for value in (x, y)]
        assert page.evaluate(place, [[island], full]) == []


def test_a_click_selects_and_tells_others_and_shows_neighbours(browser: Browser) -> None:
    with started(browser, scene()) as page:
        page.evaluate("addEventListener('poison-lab-select', ({ detail }) => (globalThis.heard = detail))")
        page.mouse.move(*pixel(page, 161))
        expect(page.locator(".tip")).to_have_text(
            "poisoned sample 1: Sneaker, label kept · predicted Sneaker · shift 0.50"
        )
        page.mouse.click(*pixel(page, 160))
        expect(page.locator(".map")).to_have_attribute("data-selected", "160")
        card = page.get_by_role("region", name="Selected point")
        expect(card.locator("strong")).to_have_text("Sneaker → claims Coat")
        assert page.evaluate("[heard.run, heard.row]") == ["abc", 160]
        assert ["picked", 160] in page.evaluate("told")
        assert page.evaluate("told").count(["images", True]) == 1
        card.get_by_role("button", name="Select training image 3: Coat").click()
        expect(page.locator(".map")).to_have_attribute("data-selected", "3")
        page.evaluate(
            "dispatchEvent(new CustomEvent('poison-lab-select', { detail: { run: 'abc', row: 162, sender: null } }))"
        )
        expect(card.locator("strong")).to_have_text("Bag, label kept")
        page.evaluate(
            "dispatchEvent(new CustomEvent('poison-lab-select', { detail: { run: 'other', row: 1, sender: null } }))"
        )
        expect(page.locator(".map")).to_have_attribute("data-selected", "162")


@pytest.mark.parametrize(("name", "selected"), [("Select training image 3: Coat", 3), ("Clear the selection", -1)])
def test_a_press_on_the_card_holds_though_the_server_answers_meanwhile(
    name: str, selected: int, browser: Browser
) -> None:
    with started(browser, scene()) as page:
        page.mouse.click(*pixel(page, 160))
        card = page.get_by_role("region", name="Selected point")
        card.get_by_role("button", name=name).hover()
        page.mouse.down()
        page.evaluate("data => map.take(data)", data(scene()))
        page.evaluate("new Promise(requestAnimationFrame)")
        page.mouse.up()
        expect(page.locator(".map")).to_have_attribute("data-selected", str(selected))
        page.evaluate("map.show(162)")
        expect(card.locator("strong")).to_have_text("Bag, label kept")


def test_the_card_is_on_the_other_side_than_its_point(browser: Browser) -> None:
    shown = scene()
    mirrored = replace(shown, xy=shown.xy * np.array([-1, 1], np.float32))
    with started(browser, shown) as page:
        page.mouse.click(*pixel(page, 160))
        card = page.get_by_role("region", name="Selected point")
        for one in (shown, mirrored, shown):
            page.evaluate("data => map.take(data)", data(one))
            page.evaluate("new Promise(requestAnimationFrame)")
            is_left = page.evaluate("map.picture.pixels[320] > map.picture.view.width / 2")
            expect(card).to_have_class(f"card {'left' if is_left else 'right'}")
        assert page.evaluate("data => { map.take(data); return map.picture.pixels === null; }", data(mirrored))


def test_the_keyboard_moves_and_selects(browser: Browser) -> None:
    with started(browser, scene()) as page:
        page.keyboard.press("Tab")
        page.locator(".over").focus()
        page.keyboard.press("n")
        expect(page.locator(".map")).to_have_attribute("data-hovered", "160")
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".map")).to_have_attribute("data-hovered", "161")
        expect(page.get_by_role("status")).to_contain_text("poisoned sample 1: Sneaker, label kept")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowUp")
        expect(page.locator(".map")).to_have_attribute("data-hovered", "162")
        page.keyboard.press("Enter")
        expect(page.locator(".map")).to_have_attribute("data-selected", "162")
        page.keyboard.press("Escape")
        expect(page.locator(".map")).to_have_attribute("data-selected", "-1")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.tagName") == "BUTTON"  # no trap


def test_a_lasso_holds_what_lies_in_it(browser: Browser) -> None:
    with started(browser, scene(), lasso=True) as page:
        x, y = pixel(page, 160)
        page.mouse.move(x - 40, y - 40)
        page.mouse.down()
        for dx, dy in ((40, -40), (40, 40), (-40, 40), (-40, -40)):
            page.mouse.move(x + dx, y + dy, steps=3)
        page.mouse.up()
        assert page.evaluate("told.filter(([name]) => name === 'lasso')") == [["lasso", [160]]]
        expect(page.locator(".map")).to_have_attribute("data-lassoed", "1")


def test_decisions_show_predictions_on_a_map_and_regions_on_a_plane(browser: Browser) -> None:
    shown = scene()
    predicted = np.full(len(shown.xy), 2)
    with started(browser, scene(predicted=predicted)) as page:
        page.get_by_role("button", name="Decisions").click()
        expect(page.locator(".note")).to_contain_text("has no inverse")
        page.wait_for_timeout(100)
        red, _, blue, _ = shades(page, 125)
        assert red > blue  # the third colour, and no longer blue
    plane = scene(axes=("Coat ← boundary → Bag", "PC 1"), regions=(0, 2), is_named=False)
    with started(browser, plane) as page:
        page.get_by_role("button", name="Decisions").click()
        expect(page.locator(".note")).to_contain_text("exact on this plane")


def test_far_points_are_said_to_stand_in_the_margin(browser: Browser) -> None:
    far = scene()
    xy = far.xy.copy()
    xy[:10] = 200.0
    with started(browser, scene(xy=xy)) as page:
        expect(page.locator(".note")).to_contain_text("10 far points are drawn in the margin")
        span = page.evaluate("Array.from(map.picture.pixels.slice(20, 320)).filter((_, i) => i % 2 === 0)")
        assert max(span) - min(span) > 400  # the others still fill the width


@pytest.mark.parametrize(("each", "limit_ms"), [(2_500, 250), (12_500, 1_000)])
def test_many_points_are_drawn_and_found_quickly(each: int, limit_ms: int, browser: Browser) -> None:
    """With patience for a machine that does much else besides: idle, it takes about a tenth."""
    with started(browser, scene(each, near=None)) as page:
        times = page.evaluate(
            """() => [1, 2, 3].map(() => {
              const start = performance.now();
              map.picture.measure(map.scene);
              map.picture.paint(map.scene, { decisions: false, bright: null });
              map.picture.under.getContext("2d").getImageData(0, 0, 1, 1);
              return performance.now() - start;
            })"""
        )
        hovers = page.evaluate(
            """() => {
              const start = performance.now();
              for (let i = 0; i < 100; i++) map.picture.near.at(5 * i, 300, 12);
              return (performance.now() - start) / 100;
            }"""
        )
        assert min(times) < limit_ms
        assert hovers < 5


TURNS = """async () => {
  const { tell } = await import("/turn.js");
  const told = [];
  let sent = [];
  const change = (name) => { sent.push(name); setTimeout(() => { told.push(sent); sent = []; }, 0); };
  ["first", "second", "third"].forEach((name) => tell(() => change(name)));
  change("press");
  while (told.flat().length < 4) await new Promise((done) => setTimeout(done, 5));
  return told.filter((names) => names.length);
}"""


def test_each_change_is_told_in_a_turn_of_its_own(browser: Browser) -> None:
    with started(browser, scene()) as page:
        assert page.evaluate(TURNS) == [["press"], ["first"], ["second"], ["third"]]


PRESSED = """async () => {
  const { tell } = await import("/turn.js");
  const told = [];
  window.poisonLabSending = 1;
  tell(() => told.push(window.poisonLabSending));
  await new Promise((done) => setTimeout(done, 100));
  const before = [...told];
  window.poisonLabSending = 0;
  while (!told.length || window.poisonLabSending) await new Promise((done) => setTimeout(done, 5));
  return [before, told];
}"""


def test_a_change_waits_for_a_press_and_holds_the_next_back(browser: Browser) -> None:
    with started(browser, scene()) as page:
        assert page.evaluate(PRESSED) == [[], [1]]
