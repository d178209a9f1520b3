"""Slides of a run: its numbers and images, names escaped, and a file that needs nothing else."""

import base64
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.defences.chain import parse_chain
from core.presentation.slides import Material, deck, document, drawings, parts
from core.presentation.slides.deck import TITLES
from core.presentation.story import ClassChange
from core.storage import defended
from core.storage.misread import Misread
from core.storage.runs import Store, StoredRun
from tests.apps import drawn
from tests.storage.test_defended import separable


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoredRun:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return Store(tmp_path / "results", shipped=None).put(separable())


def pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(BytesIO(base64.b64decode(text))).convert("RGB")) for text in found]


def test_every_slide_has_a_note(run: StoredRun) -> None:
    slides = deck(Material(run, run.plot()))
    assert len(slides) == len(TITLES)
    assert all(slide.title and slide.body and slide.note for slide in slides)
    assert "10 of 110" in slides[1].body
    assert slides[3].title == "1 in 5 more images is wrong"


def test_misread_images_are_shown_with_what_they_are_read_as(run: StoredRun) -> None:
    image = np.full((1, 28, 28), 77, np.uint8)
    found = Misread(3, (4, 9), (0, 1), (6, 7))
    body = deck(Material(run, run.plot(), (), found, [image, image + 50]))[3].body
    assert "Right before, wrong now: 3 test images" in body
    assert "T-shirt/top, read as Shirt" in body
    assert "Trouser, read as Sneaker" in body
    assert [set(np.unique(shown)) for shown in pictures(body)] == [{77}, {127}]


def test_the_best_defence_is_the_one_shown(run: StoredRun, tmp_path: Path) -> None:
    names = ("loss", "sphere", "range")
    verdicts = {name: defended.judge(str(tmp_path / "results"), run.hash, [name]) for name in names}
    assert defended.find(run.hash, parse_chain(["loss"])) == verdicts["loss"]
    material = Material(run, run.plot(), verdicts=verdicts)
    best = material.best()
    assert best is not None
    assert best[1].regained == max(verdict.regained for verdict in verdicts.values()) > 0
    body = deck(material)[4].body
    assert f"{best[1].whole.poison_removed} of 10" in body
    assert f"throws out {best[1].whole.clean_lost} good ones of 100" in body
    useless = replace(material, verdicts={"range": replace(verdicts["range"], defended=verdicts["range"].poisoned)})
    assert useless.best() is None
    assert deck(useless)[4].title == "No filter that was tried stops this one"


def test_names_are_escaped(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    result = drawn()
    classes = [evil, *result.classes[1:]]
    run = Store(tmp_path / "results", shipped=None).put(replace(result, classes=classes))
    text = document(deck(Material(run, run.plot(), [(run.plot().base_x[0], evil)])))
    assert "alert(1)" in text
    assert evil not in text
    assert text.count("<script>") == 1  # our own


def test_the_file_loads_nothing(run: StoredRun) -> None:
    text = document(deck(Material(run, run.plot())))
    assert text.count("<section>") == len(TITLES)
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!data:)', text)


def test_the_crowd_fits_whatever_its_size() -> None:
    assert drawings.crowd(2000, 60)[1] == 1
    assert drawings.crowd(60_000, 600)[1] == 26
    assert drawings.crowd(20, 1)[1] == 1
    grey, orange = re.findall(r'<path d="([^"]*)"', drawings.crowd(2000, 60)[0])
    assert (grey.count("M"), orange.count("M")) == (2000, 60)


def test_a_map_of_many_kinds_names_none() -> None:
    plot = drawn().plot
    ten = [f"kind {i}" for i in range(10)]
    drawing = drawings.simple_map(plot, ten, "#000000", "#ffffff")
    assert drawing.count("<text") == 10
    assert "<text" not in drawings.simple_map(plot, ten + [f"more {i}" for i in range(90)], "#000000", "#ffffff")
    places = np.array(re.findall(r"M(\d+),(\d+)h0", drawing), float)
    assert len(places) == plot.n_clean
    assert places.min() >= 0
    assert (places.max(axis=0) <= [drawings.WIDTH, drawings.HEIGHT]).all()


def test_cost_has_the_wrong_ones() -> None:
    bars = parts.cost_bars([ClassChange("shoe", 90.0, 80.5)])
    assert re.findall(r"<b>([\d.]+)</b>", bars) == ["10", "19.5"]
    widths = [float(width) for width in re.findall(r"width:([\d.]+)%", bars)]
    assert widths == pytest.approx([parts.WIDEST * 10 / 19.5, parts.WIDEST], abs=0.01)
