"""Many experiments: broken off, and taken up again."""

import json
from pathlib import Path

import pytest

from core.experiments import measure as module
from core.experiments.measure import measure, measure_until
from core.spec.experiment import ExperimentSpec
from tests.fakes import tiny_spec


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    todo = [tiny_spec(attack=name) for name in ("label-flip", "noise")]
    path, asked = tmp_path / "results.json", list[str]()

    def how(spec: ExperimentSpec, device: str) -> dict[str, str]:
        asked.append(spec.attack.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {"name": spec.attack.name}

    with pytest.raises(KeyboardInterrupt):
        measure(todo, path, how)
    result = measure(todo, path, lambda spec, device: {"name": f"{spec.attack.name} later"})
    assert [one["name"] for one in result] == ["label-flip", "noise later"]
    assert len(json.loads(path.read_text())) == 2


def test_nothing_is_begun_after_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    todo = [tiny_spec(attack=name) for name in ("label-flip", "noise", "ue-input")]
    path, now = tmp_path / "results.json", [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def how(spec: ExperimentSpec, device: str) -> dict[str, str]:
        now[0] += 60
        return {"name": spec.attack.name}

    assert measure_until(todo, path, how, 0.0) == {}
    assert [row["name"] for row in measure_until(todo, path, how, 61.0).values()] == ["label-flip", "noise"]
    assert len(json.loads(path.read_text())) == 2
    assert set(measure_until(todo, path, how, None)) == {spec.hash for spec in todo}
