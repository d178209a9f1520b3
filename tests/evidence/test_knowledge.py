"""Attackers that know less in the evidence: what they are compared with, what is left, and what is said of it."""

from typing import Any

import pytest

from core.evidence import grid, knowledge
from core.evidence.claims import CLAIMS
from core.evidence.frozen import frozen
from core.evidence.measurements import Measurements
from core.spec.experiment import ExperimentSpec

POINTS, STAND_IN = knowledge.CLAIMS
OTHER, RIDGE = "other points of the same data", "λ = 0.01 instead of 0.001"


def row(spec: ExperimentSpec, drop: float) -> dict[str, Any]:
    scores = {"clean": 0.9, "poisoned": 0.9 - drop / 100, "stage2": None, "gap": None}
    return {"spec": spec.model_dump(mode="json"), "device": "cpu", "n_poison": 30, **scores, "defences": {}}


def measured(keeps: dict[str, tuple[float, ...]]) -> dict[str, dict[str, Any]]:
    """Rows of all pairs whose attackers keep so many percent of ten points and the seed, by what they lack and seed."""
    found = {}
    for spec, limit, limited in knowledge.pairs(grid.specs()):
        if limit in keeps:
            found[spec.hash] = row(spec, 10.0 + spec.seed)
            found[limited.hash] = row(limited, (10.0 + spec.seed) * keeps[limit][spec.seed] / 100)
    return found


def test_few_experiments_are_compared_and_differ_in_one_thing() -> None:
    pairs = knowledge.pairs(grid.specs())
    assert len(pairs) == 3 * (3 + 3 + 2)  # seeds; what can be unknown of images twice, and of features
    assert [spec.attack.name for spec, _, _ in pairs[:9]] == ["fw-input"] * 9
    for spec, limit, limited in pairs:
        changed = {name for name in ExperimentSpec.model_fields if getattr(spec, name) != getattr(limited, name)}
        field = {"points": "attacker_data", "ridge": "attacker_ridge", "extractor": "attacker_extractor"}[limit]
        assert changed == {field}
    assert [spec.seed for spec in knowledge.specs(grid.specs())] == [0] * 8 + [1] * 8 + [2] * 8
    assert not {spec.hash for spec in knowledge.specs(grid.specs())} & {spec.hash for spec in grid.specs()}
    assert knowledge.pairs(grid.specs(grid.pairs(["mnist"]))) == []


def test_drops_are_of_the_same_attack_and_seed() -> None:
    known = measured({"points": (80.0, 90.0, 100.0)})
    drops = knowledge.drops(grid.specs(), known)
    assert set(drops) == {(attack, "points", OTHER) for attack in knowledge.ATTACKS}
    assert drops["fw-input", "points", OTHER] == {
        0: pytest.approx((10.0, 8.0)),
        1: pytest.approx((11.0, 9.9)),
        2: pytest.approx((12.0, 12.0)),
    }
    first = next(limited.hash for spec, _, limited in knowledge.pairs(grid.specs()) if limited.hash in known)
    del known[first]
    assert sorted(knowledge.drops(grid.specs(), known)["fw-input", "points", OTHER]) == [1, 2]


@pytest.mark.parametrize(
    ("keeps", "points", "stand_in"),
    [
        ({"points": (90.0, 90.0, 91.0), "ridge": (1.0, 1.0, 1.0)}, "holds", "not measured"),
        ({"points": (10.0, 10.0, 11.0), "extractor": (10.0, 10.0, 11.0)}, "does not hold", "holds"),
        ({"points": (10.0, 50.0, 90.0), "extractor": (90.0, 90.0, 91.0)}, "too close to tell", "does not hold"),
        ({}, "not measured", "not measured"),
    ],
)
def test_claims_are_judged_by_what_was_measured(
    keeps: dict[str, tuple[float, ...]], points: str, stand_in: str
) -> None:
    measurements = Measurements([], knowledge.drops(grid.specs(), measured(keeps)))
    assert (POINTS.verdict(measurements), STAND_IN.verdict(measurements)) == (points, stand_in)
    assert POINTS in CLAIMS
    assert STAND_IN in CLAIMS


def test_its_section_is_computed_from_the_rows() -> None:
    known = measured({"points": (80.0, 90.0, 100.0), "ridge": (50.0, 50.0, 50.0)})
    evidence = frozen(grid.specs(), known)
    section = knowledge.text(Measurements(evidence.rows, evidence.limited))
    assert f"| `fw-input` | {OTHER} | 3 | 11.0 ± 2.5 | 10.0 ± 5.0 | 10.0 → 8.0, 11.0 → 9.9, 12.0 → 12.0 |" in section
    assert f"| `tgda-feature` | {RIDGE} | 3 | 11.0 ± 2.5 | 5.5 ± 1.2 |" in section
    assert knowledge.text(Measurements(evidence.rows)) == ""
