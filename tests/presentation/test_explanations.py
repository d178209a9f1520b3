"""Words and a formula for every stage."""

import pytest

from core.attacks.registry import RECORDS
from core.catalog.descriptions import describe
from core.presentation import explanations
from core.spec.experiment import parse_spec
from core.spec.registry import ATTACKS


@pytest.mark.parametrize("name", sorted(ATTACKS))
def test_every_stage_of_every_attack_is_explained(name: str) -> None:
    description = describe(parse_spec({"attack": name}))
    assert set(description.stages) <= {stage.name for stage in RECORDS[name].stages}
    for stage in ("clean", *description.stages, "poison"):
        explanation = explanations.explain_stage(stage, description)
        assert explanation.text.endswith(".")
        assert explanation.formula.count("{") == explanation.formula.count("}")
        assert explanation.formula.count(r"\big\l") + explanation.formula.count(r"\Big(") <= explanation.formula.count(
            r"\big\r"
        ) + (explanation.formula.count(r"\Big)"))


def test_stage_2_is_explained_by_its_method() -> None:
    one, other = (
        explanations.explain_stage("stage2", describe(parse_spec({"attack": {"name": "ft-matching", "stage2": by}})))
        for by in ("gc", "tgda")
    )
    assert "Canceling" in one.text
    assert "ascent" in other.text
