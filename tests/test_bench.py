"""The benchmark of attacks: its grid, its arithmetic, and that it takes up where it stopped."""

import json
from pathlib import Path

import pytest

from core import bench, catalog
from core.spec import ATTACK_SPECS


def measured(attack: str, seed: int, clean: float, poisoned: float, stage2: float | None = None) -> dict:
    (spec,) = (spec for spec in bench.specs([attack], [0.03], [seed]) if spec.constraint == "valid")
    return {
        "spec": spec.model_dump(mode="json"),
        "device": "cpu",
        "clean": {"accuracy": clean},
        "target": None,
        "stage2": stage2 and {"accuracy": stage2},
        "poisoned": {"accuracy": poisoned},
        "seconds": {"load": 100.0, "stage2": 2.0, "pixels": 1.0},
    }


def test_the_grid_holds_all_that_makes_sense_and_nothing_else() -> None:
    grid = bench.specs(ATTACK_SPECS, bench.BUDGETS, bench.SEEDS)
    pairs = {(spec.attack.name, spec.constraint) for spec in grid}
    assert pairs == {(name, constraint) for name in ATTACK_SPECS for constraint in catalog.constraints_of(name)}
    assert len({spec.hash for spec in grid}) == len(grid) == 9 * len(pairs)


def test_rows_are_means_over_seeds_in_points() -> None:
    (row,) = bench.rows([measured("ft-donor", 0, 0.9, 0.8, 0.5), measured("ft-donor", 1, 0.8, 0.76, 0.6)])
    assert row.drops == pytest.approx([10, 4])
    assert row.stage2_drops == pytest.approx([40, 20])
    assert row.seconds == [3.0, 3.0]
    text = bench.page([row], measured("ft-donor", 0, 0.9, 0.8))
    assert "| `ft-donor` | 3 % | 7.0 ± 4.2 | 30.0 ± 14.1 | 2 | 3.0 |" in text


def test_it_takes_up_where_it_stopped(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setattr(bench, "SETTING", {"data": "fashion-mnist", "train_size": 40, "test_size": 20})
    told: list[str] = []
    rows = bench.attacks(["noise"], [0.1], [0], folder=tmp_path, tell=told.append)
    assert [row.constraint for row in rows] == ["none", "perturbation", "valid"]
    assert len(told) == 3
    stored = json.loads((tmp_path / "attacks.json").read_text())
    (first, *_) = stored.values()
    first["poisoned"]["accuracy"] = first["clean"]["accuracy"] - 0.5
    (tmp_path / "attacks.json").write_text(json.dumps(stored))
    again = bench.attacks(["noise"], [0.1], [0], folder=tmp_path)
    assert any(row.drops == pytest.approx([50]) for row in again)
    assert "noise" in (tmp_path / "attacks.md").read_text()
