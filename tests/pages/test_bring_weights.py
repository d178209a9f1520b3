"""The form for weights: what is typed of a file is followed, and what was assumed of it is shown."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core.catalog import uploads as records
from core.storage.runs import Store
from tests.apps import opened, own_store, rerun, shown_text, unfolded
from tests.checkpoints import prefixed, whole
from tests.drawn import drawn_result

pytestmark = pytest.mark.pages


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return own_store(tmp_path, monkeypatch)


def content() -> bytes:
    file = io.BytesIO()
    torch.save({"state_dict": prefixed("module.", whole("timm:test_vit"))}, file)
    return file.getvalue()


def form(**typed: str) -> AppTest:
    """The form for an architecture of timm, filled in."""
    app = opened("bring.py")
    app = rerun(app.button_group(key="library").set_value("timm"))
    app = rerun(app.selectbox(key="arch-timm").set_value("test_vit"))
    for key, value in typed.items():
        kind = app.selectbox if key in ("act", "weights") else app.text_input
        kind(key=f"said-{key}").set_value(value)
    return rerun(app)


def uploaded(app: AppTest) -> AppTest:
    return rerun(app.file_uploader(key="file-timm-test_vit").upload("mine.pth", content()))


@pytest.mark.usefixtures("store")
def test_what_was_assumed_is_shown() -> None:
    app = uploaded(form())
    assert app.success[0].value.startswith("Stored as `upload:mine-")
    text = shown_text(app)
    assert "Assumed of this file" in text
    assert "The prefix 'module.' was stripped from the names of the weights." in text
    assert "the file can't show it" in text


@pytest.mark.usefixtures("store")
def test_what_is_typed_is_followed() -> None:
    text = shown_text(uploaded(form(heads="4", act="quick_gelu", mean="0.1, 0.2,0.3", std="0.5,0.5,0.5")))
    assert "The transformer has 4 attention heads, as the name says." in text
    (record,) = records.all_weights().values()
    assert record.options == "heads=4&act=quick_gelu&mean=0.1,0.2,0.3&std=0.5,0.5,0.5"
    assert record.mean == (0.1, 0.2, 0.3)


@pytest.mark.usefixtures("store")
def test_what_cannot_be_is_refused_and_can_be_mended() -> None:
    app = uploaded(form(mean="123,116,103"))
    assert "Allowed: mean=R,G,B, each from 0 to 1" in app.error[0].value
    assert records.all_weights() == {}
    app.text_input(key="said-mean").set_value("")
    assert rerun(app).success[0].value.startswith("Stored as `upload:mine-")


@pytest.mark.parametrize("remarks", [(), ("It has *12* heads.",)])
def test_the_lab_says_what_was_assumed_of_a_run(store: Store, remarks: tuple[str, ...]) -> None:
    link = {"attack": "label-flip", "train": "100", "test": "50"}
    spec = opened("lab.py", **link).session_state.spec
    store.put(replace(drawn_result(spec), remarks=remarks))
    app = opened("lab.py", **link)
    assert "Result of these settings" in shown_text(app)
    headings = [expander.label for expander in app.expander]
    assert ("Assumed of the data and the extractor" in headings) == bool(remarks)
    assert "It has *12* heads." not in shown_text(app)
    assert ("It has *12* heads." in shown_text(unfolded(app, "remarks"))) == bool(remarks)
