"""What the card of images is told: labels, orders, and the sheet around a place."""

import base64
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from core.experiments.plot_data import PlotData
from core.presentation import image_cards
from core.storage.misread import Misread
from tests.drawn import drawn_result
from tests.fakes import tiny_spec


@pytest.fixture
def plot() -> PlotData:
    found = drawn_result(tiny_spec(train_size=60, budget=0.1)).plot
    assert found is not None
    return found


def numbers(text: object, kind: str) -> list[float]:
    return np.frombuffer(base64.b64decode(str(text)), kind).tolist()


def test_orders_are_those_of_the_shift_and_of_the_gap(plot: PlotData) -> None:
    m = plot.n_poison
    shift, gap = np.linspace(0, 1, m, dtype=np.float32)[::-1], np.linspace(1, 0, m, dtype=np.float32)
    assert list(image_cards.pair_orders(replace(plot, gap=None))) == ["shift", "row"]
    orders = image_cards.pair_orders(replace(plot, shift=shift[::-1], gap=gap))
    assert orders["shift"].tolist() == orders["gap"].tolist() == list(range(m))[::-1]
    assert orders["row"].tolist() == list(range(m))


def test_equal_shifts_keep_their_original_order(plot: PlotData) -> None:
    orders = image_cards.pair_orders(replace(plot, shift=np.zeros(plot.n_poison, np.float32)))
    assert orders["shift"].tolist() == list(range(plot.n_poison))


def test_a_pair_has_its_labels_and_its_place_on_the_map(plot: PlotData) -> None:
    data = image_cards.pair_data(plot, ["a", "b", "c"], run="abc", factor=7)
    assert numbers(data["before"], "<u2") == plot.base_y.tolist()
    assert numbers(data["after"], "<u2") == plot.poison_y.tolist()
    assert numbers(data["baseRow"], "<i4") == plot.base_index.tolist()
    assert numbers(data["shift"], "<f4") == plot.shift.tolist()
    assert (data["clean"], data["count"], data["factor"], data["run"]) == (plot.n_clean, plot.n_poison, 7, "abc")


def test_few_images_are_on_one_sheet_and_many_by_their_order(plot: PlotData, monkeypatch: pytest.MonkeyPatch) -> None:
    m = plot.n_poison
    shift = np.arange(m, dtype=np.float32)
    plot = replace(plot, shift=shift)
    assert image_cards.sheet_rows(plot, "shift", m - 1) == list(range(m))
    monkeypatch.setattr(image_cards, "groups_per_sheet", lambda *_: 2)
    descending = list(range(m))[::-1]
    assert image_cards.sheet_rows(plot, "shift", 0) == descending[:2]
    assert image_cards.sheet_rows(plot, "shift", 3) == descending[2:4]
    assert image_cards.sheet_rows(plot, "row", m - 1) == list(range(m))[(m - 1) // 2 * 2 :]


def test_base_and_poison_stand_beside_each_other_on_the_sheet(plot: PlotData) -> None:
    rows = [2, 0]
    sheet = image_cards.pair_sheet(plot, rows)
    pixels = np.asarray(Image.open(BytesIO(sheet.content)).convert("RGB"))
    assert plot.poison_x is not None
    wanted = [image for row in rows for image in (plot.base_x[row], plot.poison_x[row])]
    for i, image in enumerate(wanted):
        shown = pixels[: sheet.height, i * sheet.width : (i + 1) * sheet.width].transpose(2, 0, 1)
        np.testing.assert_array_equal(shown, np.broadcast_to(image, shown.shape))
    assert image_cards.pair_sheet(replace(plot, poison_x=None), rows).each == 1


def test_misread_images_have_what_they_are_and_what_they_are_read_as() -> None:
    data = image_cards.misread_data(Misread(9, (4, 7), (1, 0), (2, 1)), ["a", "b", "c"], run="abc", n_clean=50)
    assert numbers(data["before"], "<u2") == [1, 0]
    assert numbers(data["after"], "<u2") == [2, 1]
    assert numbers(data["numbers"], "<i4") == [4, 7]
    assert (data["kind"], data["count"], data["clean"]) == ("misread", 2, 50)
