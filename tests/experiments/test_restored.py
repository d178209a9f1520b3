"""Features of a run that was kept without them: those of the run, bit by bit, without its attack."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.audit.verify import verify_run
from core.experiments import restored
from core.experiments.run import run
from core.storage.features import are_at_hand, run_with_features
from core.storage.runs import Store
from core.system.paths import GALLERY
from tests.experiments.test_run import spec_of

SHIPPED = [path.name for path in sorted(GALLERY.iterdir()) if (path / "poison").is_dir()]
ANOTHER_BUDGET = "f97fbc833fa454cc"
"""The default experiment with more poison."""


@pytest.mark.parametrize(
    ("attack", "values"),
    [
        ("label-flip", {}),
        ("fw-input", {}),
        ("ft-matching", {}),
        ("tgda-input", {"constraint": "none"}),
        ("label-flip", {"extractor": "efficientnet-lite0-random"}),
    ],
)
def test_they_are_those_of_the_run(
    attack: str, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    result = run(spec_of(attack, **values), device="cpu", with_map=False)
    assert result.poison.x is not None
    poison = {"x": result.poison.x, "y": result.poison.y, "base_index": result.poison.base_index}
    monkeypatch.setattr("core.experiments.phases.execute", lambda *_: pytest.fail("the attack is repeated"))
    found = restored.features_of(result.spec, poison, device="cpu")
    assert found.keys() == result.features.keys()
    for name, array in result.features.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name, strict=True)


@pytest.mark.parametrize(
    "name", [name if name == ANOTHER_BUDGET else pytest.param(name, marks=pytest.mark.slow) for name in SHIPPED]
)
def test_heads_of_a_run_that_ships_come_to_what_it_states(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr("core.experiments.run.run", lambda *_: pytest.fail("it is computed again"))
    assert are_at_hand(Store(tmp_path / "results").get(name))
    whole = run_with_features(str(tmp_path / "results"), name)
    assert all(check.holds for check in verify_run(whole, repeat=False, device="cpu"))
