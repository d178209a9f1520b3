"""Why this point: nothing before someone asks, then a worker scores all points, then the card of the pinned one."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.catalog.choices import defence_title
from core.experiments.point_scores import ranks
from core.serving import engine as engine_module
from core.storage import scored
from core.storage.runs import Store
from tests.apps import Tasks, drawn, opened, own_store, rerun, shown_text
from tests.storage.test_defended import separable


@pytest.fixture
def engine() -> Tasks:
    return Tasks()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Tasks) -> Store:
    store = own_store(tmp_path, monkeypatch)
    monkeypatch.setattr(engine_module, "get_engine", lambda: engine)
    return store


def pinned(row: int) -> AppTest:
    app = opened("features.py")
    assert "Why this point" not in shown_text(app)
    app.session_state["features-pin"] = [row]
    return rerun(app)


def test_the_pinned_point_is_explained_once_all_are_scored(store: Store, engine: Tasks) -> None:
    run = store.put(separable(drawn("label-flip")))
    row = run.summary.n_train + 2
    app = pinned(row)
    assert "Why this point" in shown_text(app)
    assert engine.asked == []
    rerun(app.button(key="why-ask").click())
    assert (engine.asked, engine.of) == (["score"], {run.hash})
    app = rerun(app)
    scores = scored.find(run.hash)
    assert scores is not None
    values = {metric.label: metric.value for metric in app.metric}
    assert values["Out-of-fold label"] == run.summary.classes[int(scores.held_out[row])]
    assert values["Neighbours with its label"] == f"{scores.same_label[row]} of 10"
    place = int(ranks(scores.influence)[row])
    assert f"{place:,} of {len(scores):,} by how harmful" in [metric.delta for metric in app.metric]
    table = next(frame.value for frame in app.dataframe if "Rank" in frame.value)
    places = {defence_title(name): int(ranks(values)[row]) for name, values in scores.suspicion.items()}
    assert table["Rank"].tolist() == sorted(places.values())
    assert dict(zip(table["Defence"], table["Rank"], strict=True)) == places
    yes = {defence_title(name) for name, values in scores.removed.items() if values[row]}
    assert set(table["Defence"][table["Removed"] == "yes"]) == yes
    assert float(values["Influence"].removesuffix(" ‰")) == pytest.approx(1e3 * float(scores.influence[row]), rel=0.01)
    removed = sum(bool(values[row]) for values in scores.removed.values())
    assert f"{removed} of {len(scores.suspicion)} defences would remove it" in shown_text(app).replace("**", "")
