"""The playground's modules in a browser, without a server: the page is given its files from the folder."""

import mimetypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from playwright.sync_api import Browser, Page, Route
from torch import Tensor

from core.presentation.plane import Plane
from pages._plane import FOLDER
from pages._playground import View

ORIGIN = "http://playground.test"
HEAD = '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
STYLE = "<style>:host, body { --st-text-color: #1b2430; --st-background-color: #ffffff; }</style>"
PAGE = f'{HEAD}{STYLE}<link rel="stylesheet" href="style.css"><body>'


def _answer(route: Route) -> None:
    name = route.request.url.removeprefix(f"{ORIGIN}/")
    if name == "":
        route.fulfill(body=PAGE + (FOLDER / "playground.html").read_text(), content_type="text/html")
    else:
        folder = FOLDER.parent if name.startswith("map/") else FOLDER  # whose modules other components use
        route.fulfill(body=(folder / name).read_text(), content_type=mimetypes.guess_type(name)[0] or "")


@contextmanager
def modules(browser: Browser, **options: Any) -> Iterator[Page]:
    """A page on which `import("/head.js")` and the other modules work; `options` are those of the page."""
    page = browser.new_page(**{"viewport": {"width": 1200, "height": 800}, **options})
    page.route(f"{ORIGIN}/**", _answer)
    page.goto(f"{ORIGIN}/")
    yield page
    page.close()


SCENE = """async ({ plane, view }) => {
  const { Scene } = await import("/scene.js");
  globalThis.scene = new Scene(plane, view);
}"""


def make_scene(page: Page, plane: Plane, view: View, **changed: Any) -> None:
    """Let `scene` be a scene on a page; `changed` are fields of its plane as the component gets it."""
    page.evaluate(SCENE, {"plane": {**plane.as_data(), **changed}, "view": view.as_data()})


def training_set(plane: Plane, view: View) -> tuple[Tensor, Tensor]:
    """Features (n + m, 2) float64 and labels (n + m,) of the clean points and then the poison."""
    x = [*plane.train_x.tolist(), *(point.x for point in view.poison)]
    y = [*plane.train_y.tolist(), *(point.label for point in view.poison)]
    return torch.tensor(x, dtype=torch.float64), torch.tensor(y)
