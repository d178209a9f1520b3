"""The page of audits: what it plans, and the report of what a worker has written."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from core.audit import folder as folders
from core.audit.audit import write_report
from core.audit.folder import Row
from core.audit.plan import Cell, make_plan
from core.catalog.choices import resolve
from core.spec import defaults
from core.spec.experiment import parse_spec
from core.system.paths import ROOT

pytestmark = pytest.mark.pages


def measured(cell: Cell) -> Row:
    drop = cell.spec.budget * (2 if cell.attack == "flips" else 4) / (2 if cell.limit else 1)
    return {
        **{"hash": cell.spec.hash, "attack": cell.attack, "is_evaded": cell.is_evaded, "budget": cell.spec.budget},
        **{"seed": cell.spec.seed, "clean": 0.9, "poisoned": 0.9 - drop, "clean_classes": [0.9] * 10},
        **{"poisoned_classes": [0.9 - drop] * 9 + [0.9 - 2 * drop], "classes": [f"class {i}" for i in range(10)]},
        "limit": cell.limit,
        **{"n_train": 2000, "n_test": 1000, "n_poison": 60, "seconds": 1.0},
        "defences": {
            name: {"found": 30, "n_poison": 60, "clean_lost": 20, "n_clean": 2000, "accuracy": 0.88, "auc": 0.9}
            for name in cell.judged
        },
        "heads": {"linear SVM": {"clean": 0.9, "poisoned": 0.85}}
        | ({"augmented": {"clean": 0.8, "poisoned": 0.7}} if cell.augmented else {}),
    }


def test_it_shows_the_plan_and_then_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.run()
    app.switch_page("audit.py").run()
    assert not app.exception
    assert any("Nothing was measured" in info.value for info in app.info)
    base = resolve(parse_spec({defaults.KEY: defaults.CURRENT}))
    plan = make_plan(base, 10)
    write_report(plan, folders.folder_of(base), {cell.spec.hash: measured(cell) for cell in plan.cells})
    app.run()
    assert not app.exception
    assert not app.info
    verdict = next(block.value for block in app.markdown if "Without poison" in block.value)
    assert "Poison of 3 % of the training set costs 12.0 points" in verdict
    assert "5 points, 1.2 %" in verdict  # four points for each percent
    assert "class 9 suffers most" in verdict
    assert "24.0 points. Of 10 defences" in verdict
    assert app.dataframe[1].value["TGDA, features: found"].tolist() == ["50 %"] * 10
    heads = app.dataframe[2].value.set_index("Head")
    assert heads.loc["linear SVM"].tolist() == ["5.0 of 90.0 %"] * 3
    assert heads.loc["augmented"].tolist() == ["10.0 of 80.0 %", "–", "10.0 of 80.0 %"]
    assert any("its poison is feature vectors" in caption.value for caption in app.caption)
    limited = app.dataframe[3].value
    assert {"other points of the same data", "λ = 0.01 instead of 0.001"} <= set(limited["The attacker has"])
    assert set(limited["Points lost"]) == {"6.0"}
    assert set(limited["Where it knows all"]) == {"12.0"}
    assert not [box for box in app.selectbox if box.key == "audit-compare"]  # there is no other yet
    another = resolve(parse_spec({"ridge": 0.01, defaults.KEY: defaults.CURRENT}))
    plan = make_plan(another, 10)
    rows = {cell.spec.hash: measured(cell) for cell in plan.cells}
    write_report(plan, folders.folder_of(another), {key: {**row, "clean": 0.8} for key, row in rows.items()})
    app.run()
    app.selectbox(key="audit-compare").set_value(folders.folder_of(another).name).run()
    assert not app.exception
    lines = app.dataframe[-1].value
    assert lines.iloc[1].tolist() == ["Accuracy without poison", "90.0 %", "80.0 %"]
