"""Manners that every page keeps: controls explain themselves, and what is drawn is also said in words."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from streamlit.testing.v1 import AppTest

from core.serving import engine as engine_module
from core.system.paths import ROOT
from tests.apps import opened
from tests.links import LINKS, PAGES

EXPLAINED = {
    *("selectbox", "multiselect", "slider", "select_slider", "number_input", "text_input", "text_area", "radio"),
    *("button_group", "toggle", "checkbox", "file_uploader", "color_picker", "date_input", "time_input", "chat_input"),
}
"""Elements that need a help text; a button's label says all, or its help does."""
DRAWN = {"plotly_chart", "dataframe"}


class IdleEngine:
    """Has nothing to do."""

    somebody_waits = False

    def was_interrupted(self, spec_hash: str) -> bool:
        return False

    def job(self, spec_hash: str) -> None:
        return None

    def run_task(self, key: str, function: str, *arguments: object) -> "IdleEngine":
        return self

    error = None


VISIT = """
import sys
from urllib.parse import parse_qsl

from core.serving import engine
from pages import _warm
from tests.apps import opened
from tests.links import LINKS
from tests.pages.test_manners import IdleEngine

engine.get_engine = IdleEngine
_warm.warm()
for link in LINKS.values():
    page, _, query = link.partition("?")
    opened(f"{page}.py", **dict(parse_qsl(query)))
print({"torch", "torchvision", "timm"} & set(sys.modules))
"""


@pytest.mark.processes
def test_a_server_whose_pages_were_all_visited_holds_no_torch_and_so_no_weights(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "POISON_LAB_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", VISIT], env=environment, capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.fixture(params=LINKS)
def app(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """A page as its link opens it, with what ships."""
    monkeypatch.setattr(engine_module, "get_engine", IdleEngine)
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    page, _, query = LINKS[request.param].partition("?")
    return opened(f"{page}.py", **dict(parse_qsl(query)))


def elements(block: Any) -> Iterator[Any]:
    for child in block.children.values():
        yield child
        if hasattr(child, "children"):
            yield from elements(child)


def test_every_page_has_a_link_and_a_place_in_the_navigation() -> None:
    files = {path.stem for path in (ROOT / "pages").glob("[a-z]*.py")} - {"shell"}
    assert set(PAGES) == files
    assert {link.partition("?")[0] for link in LINKS.values()} == files


def test_controls_explain_themselves_and_pictures_are_told(app: AppTest) -> None:
    found = [element for root in (app.main, app.sidebar) for element in elements(root) if element.proto is not None]
    slides = [element.proto.body for element in found if element.type == "html"]
    assert len(app.title) + sum(body.count("<h1>") for body in slides) == 1
    mute = [f"{one.type} {one.proto.label}" for one in found if one.type in EXPLAINED and not one.proto.help.strip()]
    assert mute == []
    charts = [one.type for one in found if one.type in DRAWN and not one.proto.alt.strip()]
    assert charts == []
    images = [image.alt for one in found if one.type == "image" for image in one.proto.imgs]
    assert all(alt.strip() for alt in images)
