"""What images can do at all, on the lab: nothing before someone asks, then a worker, then the numbers."""

from pathlib import Path

import pytest

from core.serving import engine as engine_module
from core.storage import reached
from core.storage.runs import Store
from tests.apps import Tasks, drawn, opened, own_store, rerun, shown_text, unfolded
from tests.storage.test_reached import REACH

TITLE = "What images can do at all"


@pytest.fixture
def engine() -> Tasks:
    return Tasks(
        {"measure": lambda spec_hash: reached._REACHED.write(reached._REACHED.key(spec_hash), REACH.to_json())}
    )


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Tasks) -> Store:
    store = own_store(tmp_path, monkeypatch)
    monkeypatch.setattr(engine_module, "get_engine", lambda: engine)
    return store


def test_it_is_measured_when_someone_asks(store: Store, engine: Tasks) -> None:
    run = store.put(drawn("noise"))
    app = opened("lab.py")
    assert TITLE in [box.label for box in app.expander]
    assert engine.asked == []
    app = unfolded(app, "image-reach")
    assert "cost 12.1 points" not in shown_text(app).replace("**", "")
    rerun(app.button(key="reach-ask").click())
    assert (engine.asked, engine.of) == (["measure"], {run.hash})
    text = shown_text(rerun(app)).replace("**", "")
    assert "cost 12.1 points, features within 25 % of some image's 7.4, the images of this run 5.7." in text


def test_features_have_no_such_card(store: Store) -> None:
    store.put(drawn("tgda-feature"))
    app = opened("lab.py")
    assert TITLE not in [box.label for box in app.expander]
