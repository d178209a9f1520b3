"""What a report advises is tied to what was measured, also where an audit was stopped early."""

from typing import Any

from core.audit import advice, findings


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
    actions = advice.actions(report(defences=[judged("flips", 0.9)]))
    assert not any("ilter" in action for action in actions)
    assert "below 0.2 % of the training set" in actions[0]
    assert "coat" in actions[1]


def test_a_filter_is_advised_with_its_numbers_or_refused_with_them() -> None:
    advised = advice.actions(report(defences=[judged("features", 0.9)]))[1]
    assert advised == (
        "Filter by Loss: it finds 90 % of the poison for 2.0 % of the clean points, and regains 1.0 points. Of poison "
        "made to pass it, it finds 10 %."
    )
    refused = advice.actions(report(defences=[judged("features", 0.4)]))[1]
    assert refused.startswith("Do not rely on a filter: none finds 50 %")


def test_a_curve_takes_the_most_telling_whole_grid_of_an_audit_that_was_stopped() -> None:
    def measured(*budgets_by_seed: list[float]) -> dict[float, dict[int, dict[str, Any]]]:
        rows: dict[float, dict[int, dict[str, Any]]] = {}
        for seed, budgets in enumerate(budgets_by_seed):
            for budget in budgets:
                rows.setdefault(budget, {})[seed] = {}
        return rows

    core = [0.01, 0.03, 0.1, 0.3]
    for rows, budgets, seeds in (
        (measured([*core, 0.2], core, core), core, [0, 1, 2]),  # a further budget with one seed costs no seed
        (measured(core, core, [0.01]), core, [0, 1]),
        (measured(core), core, [0]),
        (measured([0.03], [0.03]), [0.03], [0, 1]),
    ):
        whole, kept = findings._complete(rows)
        assert (sorted(whole), kept) == (budgets, seeds)


def test_secrecy_is_judged_by_what_it_leaves_of_the_damage() -> None:
    row = {"attack": "features", "has": "other points of the same data", "drop": 1.5, "known": 1.6}
    kept = advice.actions(report(limited=[row]))[-1]
    assert kept == (
        "Do not count on secrecy: an attacker with other points of the same data still takes 1.5 of 1.6 points."
    )
    helps = advice.actions(report(limited=[row, {**row, "has": "λ = 0.01 instead of 0.001", "drop": 0.2}]))[-1]
    assert helps.startswith("Keep to yourself what the attacker needs: with λ = 0.01 instead of 0.001, it takes 0.2")
    assert not any("secre" in action for action in advice.actions(report(limited=[{**row, "attack": "flips"}])))


def critical(*budgets: float | None) -> list[dict[str, Any]]:
    return [
        {"points": points, "budget": budget, "low": budget, "high": budget, "most": 0.3}
        for points, budget in zip((1.0, 5.0, 10.0), budgets, strict=True)
    ]


def test_points_are_lost_to_whichever_attack_takes_them_first() -> None:
    whole = report()
    flips = {**whole["attacks"][0], "attack": "flips", "title": "Flips", "critical": critical(0.006, None, None)}
    features = {**whole["attacks"][0], "critical": critical(0.02, 0.08, None)}
    features["curve"] = [{"budget": 0.003, "drop": 1.2, "low": 1.2, "high": 1.2}]
    both = {**whole, "attacks": [flips, features]}
    assert advice.strongest(both)["attack"] == "flips"
    lost = "1 point, 0.6 %; 5 points, 8 % by Features; 10 points, not reached below 30 %."
    assert f"Budgets at which accuracy is lost: {lost}" in advice.verdict(both)
    assert "below 0.6 % of the training set, no attack that was measured costs 1 point." in advice.actions(both)[0]


def test_a_class_that_is_a_number_is_called_a_class() -> None:
    numbered = report(classes=["3", "7"])
    numbered["attacks"][0]["critical"] = critical(0.002, None, None)
    assert "Class 7 suffers most: 6.0 points." in advice.verdict(numbered)
    assert advice.actions(numbered)[1].startswith("Watch the accuracy of class 7 on")
