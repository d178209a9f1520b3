"""What a report advises is tied to what was measured, also where an audit was stopped early."""

from typing import Any

from core.audit import findings


def report(**values: Any) -> dict[str, Any]:
    critical = [{"points": 1.0, "budget": 0.002, "low": 0.002, "high": 0.002, "most": 0.003}]
    attack = {"attack": "features", "title": "Features", "seeds": [0], "critical": critical, "reference": 0.003}
    attack |= {"curve": [{"budget": 0.003, "drop": 1.6, "low": 1.6, "high": 1.6}], "class_drops": [0.2, 6.0]}
    base = {"attacks": [attack], "classes": ["shirt", "coat"], "clean": 0.9, "n_test": 1000, "defences": []}
    return {**base, "dirt": None, "certificate": None, **values}


def judged(attack: str, recall: float) -> dict[str, Any]:
    found = {"recall": recall, "lost": 0.02, "accuracy": 0.89, "regained": 1.0}
    return {"title": "Loss", "attacks": {attack: found}, "evaded_recall": 0.1}


def test_no_filter_is_judged_by_an_attack_that_it_did_not_see() -> None:
    actions = findings.actions(report(defences=[judged("flips", 0.9)]))
    assert not any("ilter" in action for action in actions)
    assert "below 0.2 % of the training set" in actions[0]
    assert "coat" in actions[1]


def test_a_filter_is_advised_with_its_numbers_or_refused_with_them() -> None:
    advised = findings.actions(report(defences=[judged("features", 0.9)]))[1]
    assert advised == (
        "Filter by Loss: it finds 90 % of the poison for 2.0 % of the clean points, and regains 1.0 points. Of poison "
        "made to pass it, it finds 10 %."
    )
    refused = findings.actions(report(defences=[judged("features", 0.4)]))[1]
    assert refused.startswith("Do not rely on a filter: none finds 50 %")
