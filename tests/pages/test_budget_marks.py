"""The budgets that are computed: shown beside the slider, one press away, and their neighbours computed ahead."""

from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from core.catalog.budgets import MARKS
from core.serving import engine as engine_module
from core.spec.experiment import ExperimentSpec
from core.storage.gallery import entries
from tests.apps import opened, query, rerun

pytestmark = pytest.mark.pages


@pytest.fixture(autouse=True)
def wishes(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> list[list[ExperimentSpec]]:
    found: list[list[ExperimentSpec]] = []
    fake = SimpleNamespace(
        job=lambda spec_hash: None,
        was_interrupted=lambda spec_hash: False,
        ahead=SimpleNamespace(wish=lambda specs: found.append(list(specs))),
    )
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setenv("POISON_LAB_AHEAD", "5")
    monkeypatch.setattr(engine_module, "get_engine", lambda: fake)
    return found


def marks(app: AppTest) -> list[str]:
    return [] if "budget-marks" not in app.session_state else list(app.button_group(key="budget-marks").options)


def sentence(app: AppTest) -> str:
    return next(block.value for block in app.markdown if "poisoned images among" in block.value)


def test_the_default_experiment_is_computed_at_every_mark() -> None:
    app = opened("lab.py")
    assert marks(app) == ["0.5", "1", "2", "3", "4", "5", "7", "10", "15", "30"]
    assert app.button_group(key="budget-marks").value == 3.0
    assert "60 poisoned images" in sentence(app)


@pytest.mark.parametrize("budget", MARKS)
def test_a_press_shows_the_result_of_that_budget(budget: float) -> None:
    app = rerun(opened("lab.py").button_group(key="budget-marks").set_value(round(100 * budget, 6)))
    shipped = {entry.spec.budget: entry.spec for entry in entries() if entry.spec.attack.name == "fw-input"}
    assert app.session_state["spec"] == shipped[budget]
    assert f"{shipped[budget].n_poison:,} poisoned images among" in sentence(app)
    assert app.slider(key="ask-budget").value == pytest.approx(100 * budget)


def test_a_budget_beside_the_marks_keeps_them() -> None:
    app = rerun(opened("lab.py").slider(key="ask-budget").set_value(3.5))
    assert len(marks(app)) == len(MARKS)
    assert app.button_group(key="budget-marks").value is None


def test_what_is_computed_nowhere_has_no_marks() -> None:
    assert marks(opened("lab.py", seed="77")) == []


def test_a_locked_budget_has_none() -> None:
    assert marks(opened("lab.py", budget="3", lock="budget")) == []


def test_other_budgets_of_what_is_on_show_are_wished_for(wishes: list[list[ExperimentSpec]]) -> None:
    app = opened("lab.py", attack="label-flip", budget="3")
    [specs] = wishes[-1:]
    asked = app.session_state["spec"]
    assert [spec.budget for spec in specs][:3] == [0.04, 0.02, 0.05]
    assert {spec.model_copy(update={"budget": asked.budget}) for spec in specs} == {asked}
    assert query(app)["attack"] == "label-flip"


def test_nothing_is_wished_for_where_the_server_computes_nothing_ahead(
    wishes: list[list[ExperimentSpec]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_AHEAD", "0")
    opened("lab.py")
    assert wishes == []
