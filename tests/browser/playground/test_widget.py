"""The playground's component with mouse, touch and keyboard, without a server: every head has converged."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from core.heads import logistic as head
from core.presentation import plane
from core.presentation.plane import Plane
from pages._playground import PoisonPoint, View, changed
from pages._state import Locks
from tests.browser.playground.harness import modules

pytestmark = pytest.mark.browser

START = """async (data) => {
  const { Playground } = await import("/main.js");
  globalThis.told = [];
  globalThis.playground = new Playground(document.querySelector(".playground"), data);
  playground.report = (state) => told.push(state);
}"""
POISON = (PoisonPoint(1, (-1.0, -0.5), 3), PoisonPoint(0, (1.5, 1.0), 120))
NO_LOCKS = Locks()
POINTS = plane.DRAWN["three"]()
"""300 clean points."""
PIXEL = 0.05
"""Of the plane: browsers round where the mouse is to whole pixels."""


@contextmanager
def started(
    browser: Browser, view: View, points: Plane = POINTS, locks: Locks = NO_LOCKS, **options: Any
) -> Iterator[Page]:
    """A page with a playground that has drawn its first frame."""
    data = {"plane": points.as_data(), "view": view.as_data()}
    data["locks"] = {"lock": list(locks.lock), "hide": list(locks.hide)}
    with modules(browser, **options) as page:
        page.evaluate(START, data)
        expect(page.locator("[data-part=clean]")).not_to_have_text("–")
        yield page


def pixel(page: Page, x: tuple[float, float]) -> tuple[float, float]:
    """Where on the page a place is."""
    box = page.locator("canvas").bounding_box()
    assert box
    left, top = page.evaluate("(x) => playground.picture.pixel(x)", list(x))
    return box["x"] + 1 + left, box["y"] + 1 + top


def poison(page: Page) -> list[dict[str, Any]]:
    return page.evaluate("playground.scene.view.poison")


def told(page: Page, count: int = 1) -> dict[str, Any]:
    """What the component has told last, once it has told `count` times."""
    page.wait_for_function(f"told.length >= {count}")
    return page.evaluate("told.at(-1)")


@pytest.mark.parametrize("defence", ["none", "sphere", "loss", "trim"])
def test_every_head_converges_while_a_point_is_dragged(defence: str, browser: Browser) -> None:
    assert len(POINTS.train_y) == 300
    with started(browser, View(poison=POISON, constraint="none", defence=defence)) as page:
        before = page.evaluate("scene => playground.scene.solved.count")
        lost = set()
        page.mouse.move(*pixel(page, POISON[0].x))
        page.mouse.down()
        for step in range(60):
            page.mouse.move(*pixel(page, (-1.0 + 0.06 * step, -0.5 + 0.03 * step)))
            page.evaluate("new Promise(requestAnimationFrame)")
            lost.add(page.evaluate("Array.from(playground.result.theta)")[0])
        assert page.evaluate("told") == []  # while a person drags, the server is told nothing
        page.mouse.up()
        assert page.evaluate("playground.scene.solved.count") >= before + 50
        assert page.evaluate("playground.scene.solved.worst") <= head.GRADIENT_TOLERANCE
        assert float(page.locator(".playground").get_attribute("data-worst") or "inf") <= head.GRADIENT_TOLERANCE
        if defence == "none":
            assert len(lost) >= 50  # the head has moved with the point
        assert poison(page)[0]["x"] == pytest.approx([-1.0 + 0.06 * 59, -0.5 + 0.03 * 59], abs=PIXEL)
        link = told(page)["link"]
        view = changed(View(constraint="none"), link, NO_LOCKS, 3, 300)
        assert view.poison[0].x == pytest.approx(poison(page)[0]["x"], abs=1e-3)
        assert view.poison[1] == POISON[1]
        assert view.defence == defence


def test_a_click_adds_within_the_budget_and_the_buttons_change(browser: Browser) -> None:
    with started(browser, View(budget=2, constraint="none")) as page:
        page.mouse.click(*pixel(page, (0.5, 0.5)))
        page.get_by_role("button", name="C", exact=True).click()
        page.mouse.click(*pixel(page, (-2.0, 1.0)))
        page.mouse.click(*pixel(page, (1.0, -2.0)))  # beyond the budget
        expect(page.locator("[data-part=used]")).to_have_text("2 of 2 points (0.7 % of the training set)")
        assert [point["label"] for point in poison(page)] == [0, 2]
        assert poison(page)[0]["x"] == pytest.approx([0.5, 0.5], abs=PIXEL)
        expect(page.locator("[data-part=sentence]")).to_contain_text("The budget is used.")
        page.get_by_role("button", name="Flip").click()
        assert [point["label"] for point in poison(page)] == [0, 0]
        page.get_by_role("button", name="Delete").click()
        assert len(poison(page)) == 1
        assert told(page)["link"]["poison"].startswith("0_0.")
        page.get_by_role("button", name="Clear").click()
        assert poison(page) == []
        expect(page.locator("[data-part=sentence]")).to_contain_text("No poison yet")


def test_the_keyboard_does_all_that_the_mouse_does(browser: Browser) -> None:
    with started(browser, View(budget=3, constraint="none")) as page:
        canvas = page.get_by_role("application", name="The plane of features")
        canvas.focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        assert len(poison(page)) == 2
        start = poison(page)[1]["x"]
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Shift+ArrowDown")
        moved = poison(page)[1]["x"]
        assert moved[0] < start[0]
        assert 0 < start[1] - moved[1] < start[0] - moved[0]
        page.keyboard.press("p")
        page.keyboard.press("f")
        assert [point["label"] for point in poison(page)] == [1, 0]
        page.keyboard.press("n")
        page.keyboard.press("Delete")
        assert [point["label"] for point in poison(page)] == [1]
        status = page.get_by_role("status").first
        expect(status).to_contain_text("Point 1: B at (")  # what a screen reader says, once nothing changes any more
        page.keyboard.press("Escape")
        expect(status).to_contain_text("1 poisoned point ")


def test_a_point_is_selected_from_the_list(browser: Browser) -> None:
    with started(browser, View(poison=POISON, constraint="none", defence="sphere")) as page:
        page.get_by_text("Poisoned points (2)").click()
        row = page.locator("[data-part=list] button").nth(1)
        expect(row).to_have_text("2: A at (1.50, 1.00), removed by the defence")
        row.click()
        expect(row).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Delete").click()
        assert [point["label"] for point in poison(page)] == [1]


def test_a_finger_taps_and_drags_and_the_page_still_scrolls(browser: Browser) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with started(browser, View(poison=POISON[:1], constraint="none"), **phone) as page:
        page.touchscreen.tap(*pixel(page, (1.0, 2.0)))
        assert [point["label"] for point in poison(page)] == [1, 0]
        client = page.context.new_cdp_session(page)

        def touch(kind: str, *at: tuple[float, float]) -> None:
            points = [{"x": x, "y": y} for x, y in at]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

        def swipe(start: tuple[float, float], end: tuple[float, float]) -> None:
            touch("touchStart", start)
            for part in range(1, 11):
                at = tuple(a + (b - a) * part / 10 for a, b in zip(start, end, strict=True))
                touch("touchMove", (at[0], at[1]))
            touch("touchEnd")

        swipe(pixel(page, POISON[0].x), pixel(page, (0.5, 1.0)))
        assert poison(page)[0]["x"] == pytest.approx([0.5, 1.0], abs=PIXEL)
        assert page.evaluate("scrollY") == 0
        x, y = pixel(page, (-2.0, 2.0))
        swipe((x, y), (x, y - 120))
        page.wait_for_function("scrollY > 0")
        assert len(poison(page)) == 2


def test_rules_move_the_poison_to_where_it_may_be(browser: Browser) -> None:
    far = (PoisonPoint(1, (9.0, -9.0), 3),)
    with started(browser, View(poison=far, constraint="valid")) as page:
        expect_x = [POINTS.train_x[:, 0].max(), POINTS.train_x[:, 1].min()]
        assert poison(page)[0]["x"] == pytest.approx(expect_x)
        page.get_by_label("Constraint").select_option("Near its base")
        offset = [abs(a - b) for a, b in zip(poison(page)[0]["x"], POINTS.train_x[3], strict=True)]
        assert max(offset) == pytest.approx(POINTS.near, abs=1e-9)
        assert told(page)["link"]["constraint"] == "perturbation"


def test_the_attacker_climbs_and_rests(browser: Browser) -> None:
    with started(browser, View(budget=6, constraint="valid")) as page:
        outer = [page.evaluate("playground.result.outer")]
        page.get_by_role("button", name="Let the attacker play").click()
        stop = page.get_by_role("button", name="Stop the attacker")
        stop.wait_for()
        while stop.is_visible() and len(outer) < 400:
            outer.append(page.evaluate("playground.result.outer"))
            page.evaluate("new Promise(requestAnimationFrame)")
        expect(page.locator("[data-part=found]")).to_contain_text("The attacker rests")
        assert len(poison(page)) == 6
        moves = outer[60:]
        assert all(b >= a - 1e-12 for a, b in pairwise(moves))
        assert outer[-1] > outer[0] + 0.01
        assert page.evaluate("playground.scene.solved.worst") <= head.GRADIENT_TOLERANCE
        assert told(page)["link"]["poison"].count("~") == 5


@pytest.mark.parametrize(("count", "total"), [(1, 21 * 21 * 2), (2, 98 * 99 // 2)])
def test_the_search_is_exhaustive_on_its_grid_and_says_so(count: int, total: int, browser: Browser) -> None:
    points = plane.DRAWN["blobs"]()
    with started(browser, View(data="blobs", budget=1), points) as page:
        page.get_by_role("button", name=f"Search {'one point' if count == 1 else 'two points'}").click()
        found = page.locator("[data-part=found]")
        expect(found).to_contain_text(f"Search of {total:,} choices", timeout=60_000)
        expect(found).to_contain_text("It is a search")
        best = page.evaluate("playground.found")
        assert len(best) == count
        script = """async () => {
          const { candidates, GRIDS } = await import("/attack.js");
          const { accuracy } = await import("/head.js");
          const { scene } = playground;
          const at = (poison) => accuracy(scene.trained(poison).theta, scene.c, scene.test);
          const singles = candidates(scene, GRIDS[1], [0, 1]).map((point) => at([point]));
          return { best: at(playground.found), single: Math.min(...singles), clean: at([]) };
        }"""
        values = page.evaluate(script)
        if count == 1:
            assert values["best"] == values["single"]
        assert values["best"] <= values["clean"]
        expect(found).to_contain_text(f"leaves {100 * values['best']:.1f} %")


def test_what_a_link_locks_stays_and_what_it_hides_is_not_there(browser: Browser) -> None:
    locks = Locks(lock=("budget", "label", "poison"), hide=("search", "attacker"))
    with started(browser, View(poison=POISON, label=1), locks=locks) as page:
        expect(page.get_by_role("slider")).to_be_disabled()
        expect(page.get_by_role("button", name="C", exact=True)).to_be_disabled()
        for name in ("Add", "Flip", "Delete", "Clear"):
            expect(page.get_by_role("button", name=name, exact=True)).to_be_disabled()
        for name in ("Search one point", "Let the attacker play"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_label("Defence")).to_be_enabled()
        before = poison(page)
        page.mouse.click(*pixel(page, (0.5, 0.5)))
        page.locator("canvas").focus()
        for key in ("Enter", "n", "ArrowUp", "f", "Delete"):
            page.keyboard.press(key)
        assert poison(page) == before


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_classes_are_told_apart_by_colour_and_by_shape(theme: str, browser: Browser) -> None:
    """Colours of the drawn picture: each class's in the middle of its first clean point."""
    with started(browser, View(field=False)) as page:
        if theme == "dark":
            page.add_style_tag(content="body { --st-text-color: #e8ecf2; --st-background-color: #12161d; }")
            page.evaluate("playground.request()")
            page.evaluate("new Promise(requestAnimationFrame)")
        script = """() => {
          const { picture, scene } = playground;
          const ratio = picture.canvas.width / picture.width;
          return [0, 1, 2].map((label) => {
            const row = scene.train.y.indexOf(label);
            const [x, y] = picture.pixel([scene.train.x[2 * row], scene.train.x[2 * row + 1]]);
            return Array.from(picture.context.getImageData(Math.round(ratio * x), Math.round(ratio * y), 1, 1).data);
          });
        }"""
        colours = page.evaluate(script)
        expected = {
            "light": [[43, 120, 192], [217, 130, 0], [131, 45, 182]],
            "dark": [[90, 165, 234], [255, 179, 64], [196, 144, 234]],
        }
        assert [colour[:3] for colour in colours] == expected[theme]
        icons = page.locator("[data-part=labels] svg").evaluate_all("all => all.map((svg) => svg.innerHTML)")
        assert len(set(icons)) == 3


def test_a_budget_below_the_poison_stays_at_it(browser: Browser) -> None:
    with started(browser, replace(View(poison=POISON), budget=9)) as page:
        page.get_by_role("slider").fill("1")
        assert page.evaluate("playground.scene.view.budget") == 2


def test_no_number_is_shown_of_a_head_that_has_not_converged(browser: Browser) -> None:
    with started(browser, View(poison=POISON, constraint="none")) as page:
        failing = "playground.scene.trained = () => { throw new Error('The head did not converge.'); }"
        page.evaluate(f"{failing}; playground.move(0, [1, 1]);")
        expect(page.locator("[data-part=sentence]")).to_have_text("The head did not converge.")
        for name in ("poisoned", "lost"):
            expect(page.locator(f"[data-part={name}]")).to_have_text("–")
        page.wait_for_timeout(600)  # longer than the component waits before it tells
        assert page.evaluate("told") == []
