"""Claims judged on made-up measurements of which the truth is known."""

from typing import Any

import pytest

from core.defences.registry import RECORDS as DEFENCES
from core.evidence import grid, knowledge, rule_claims
from core.evidence.claims import CLAIMS, above, below
from core.evidence.classroom import mean_and_interval
from core.evidence.frozen import Frozen
from core.evidence.measurements import Comparison, Measurements, accuracy_drop, paired
from core.evidence.page import page
from core.experiments.sweep import Interval

FINE, TRANSFER = "resnet10-small-fashion-mnist", "resnet10-small-mnist"


def measured_row(attack: str, drop: float, seed: int = 0, **other: Any) -> dict[str, Any]:
    """An experiment whose drop is known."""
    spec = {
        "data": "fashion-mnist",
        "extractor": FINE,
        "attack": {"name": attack},
        "constraint": "valid",
        "budget": 0.1,
        "seed": seed,
        "label_rule": grid.label_rule(attack),
        "train_size": 1000,
        **other.pop("spec", {}),
    }
    clean = 0.8 + 0.01 * seed
    defences = {name: {"accuracy": clean - drop / 200, "found": 30, "clean_lost": 20} for name in DEFENCES}
    row = {"spec": spec, "clean": clean, "poisoned": clean - drop / 100, "stage2": None, "n_poison": 60}
    return {**row, "defences": defences, "device": "cpu", **other}


def claim(name: str) -> Any:
    return next(claim for claim in CLAIMS if claim.name == name)


def everywhere(drop: Any) -> list[dict[str, Any]]:
    """Every experiment of a grid; its drop is `drop(attack, constraint, budget, extractor, seed)`."""
    return [
        measured_row(
            attack,
            drop(attack, constraint, budget, extractor, seed),
            seed,
            spec={"extractor": extractor, "constraint": constraint, "budget": budget},
            stage2=0.8 + 0.01 * seed - 0.2 if attack.startswith("ft-") else None,
            gap=0.7 if attack.startswith("ft-") else None,
        )
        for attack, constraint in grid.attack_constraint_pairs()
        for budget in grid.BUDGETS
        for extractor in (FINE, TRANSFER)
        for seed in (0, 1, 2)
    ]


def test_a_comparison_is_made_seed_by_seed() -> None:
    measurements = Measurements(
        [measured_row("tgda-input", 5 + seed, seed) for seed in range(3)]
        + [measured_row("label-flip", 2 * seed, seed) for seed in range(3)]
    )
    comparison = paired(measurements, "words", measurements.select(["tgda-input"]), attack="label-flip")
    assert comparison.differences == [{0: pytest.approx(5), 1: pytest.approx(4), 2: pytest.approx(3)}]
    assert comparison.pooled is not None
    assert comparison.pooled.mean == pytest.approx(4)
    # Student's t of two degrees of freedom: 4.303 standard errors.
    assert comparison.pooled.high - 4 == pytest.approx(4.303 / 3**0.5, abs=1e-3)


def test_a_comparison_takes_the_seeds_that_all_have() -> None:
    measurements = Measurements(
        [measured_row("noise", 1 + seed, seed) for seed in range(3)]
        + [measured_row("label-flip", 3 * seed, seed) for seed in (2, 1)]
    )
    assert measurements.seeds == [0, 1, 2]
    drops = measurements.values(next(measurements.select(["label-flip"])), accuracy_drop)
    assert drops == {1: pytest.approx(3), 2: pytest.approx(6)}
    comparison = paired(measurements, "words", measurements.select(["noise"]), attack="label-flip")
    assert comparison.differences == [{1: pytest.approx(-1), 2: pytest.approx(-3)}]
    pooled = Comparison("words", [*comparison.differences, {0: 9.0, 1: 3.0, 2: 3.0}]).pooled
    assert pooled is not None
    assert (pooled.mean, pooled.seeds) == (pytest.approx(0.5), 2)
    assert Comparison("words", [{0: 1.0}, {1: 1.0}]).pooled is None


def test_what_has_no_partner_is_left_out() -> None:
    measurements = Measurements([measured_row("tgda-input", 5)])
    assert paired(measurements, "words", measurements.select(["tgda-input"]), attack="gc-input").pooled is None


def test_single_experiments_are_counted() -> None:
    comparison = Comparison("words", [{0: 1.0, 1: 1.1}, {0: -1.0, 1: -1.1}, {0: -1.0, 1: 1.0}, {0: 0.0, 1: 0.5}])
    assert comparison.counts == (1, 1, 2)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.1, 2.0, "holds"), (-2.0, -0.1, "does not hold"), (-1.0, 1.0, "too close to tell")],
)
def test_verdicts(low: float, high: float, verdict: str) -> None:
    assert above(Interval((low + high) / 2, low, high, 3)) == verdict
    assert below(0.0)(Interval((low + high) / 2, -high, -low, 3)) == verdict


TRUTHS: dict[str, Any] = {
    "transfer": lambda attack, constraint, budget, extractor, seed: 9 if extractor == TRANSFER else 3,
    "pixels": lambda attack, constraint, budget, extractor, seed: 9 if constraint == "none" else 3,
    "constrained": lambda attack, constraint, budget, extractor, seed: 9 if attack.startswith("ft-") else 3,
    "unlearnable": lambda attack, constraint, budget, extractor, seed: 0.1 * seed,
    "inversion": lambda attack, constraint, budget, extractor, seed: 1 + 0.1 * seed,
    "stage2": lambda attack, constraint, budget, extractor, seed: 9 if attack == "tgda-feature" else 3,
    "flips": lambda attack, constraint, budget, extractor, seed: 3 if attack == "label-flip" else 9,
    "budget": lambda attack, constraint, budget, extractor, seed: 100 * budget,
}


@pytest.mark.parametrize("name", list(TRUTHS))
def test_a_claim_holds_where_it_is_true_and_not_where_the_opposite_is(name: str) -> None:
    drop = TRUTHS[name]
    assert claim(name).verdict(Measurements(everywhere(drop))) == "holds"
    opposite = {"unlearnable": lambda *_: 30.0, "inversion": lambda *_: 19.0}.get(name, lambda *at: 20 - drop(*at))
    assert claim(name).verdict(Measurements(everywhere(opposite))) == "does not hold"


@pytest.mark.parametrize("name", list(TRUTHS))
def test_one_seed_says_nothing(name: str) -> None:
    first = [row for row in everywhere(TRUTHS[name]) if row["spec"]["seed"] == 0]
    assert claim(name).verdict(Measurements(first)) == "too close to tell"


def compared(drop: Any) -> list[dict[str, Any]]:
    """Every experiment where label rules are compared; its drop is `drop(attack, rule, seed)`."""
    rules = {**dict.fromkeys((*grid.COMPARED, "label-flip"), grid.RULES), **grid.NARROW}
    return [
        measured_row(attack, drop(attack, rule, seed), seed, spec={"label_rule": rule, "budget": grid.RULE_BUDGET})
        for attack, attack_rules in rules.items()
        for rule in attack_rules
        for seed in (0, 1, 2)
    ]


RULE_TRUTHS: dict[str, Any] = {
    "labels": lambda attack, rule, seed: 9 if rule == "clean" else 3,
    "chosen": lambda attack, rule, seed: 9 if rule == "chosen" else 3,
    "frank-wolfe": lambda attack, rule, seed: 9 if attack == "fw-input" else 3,
    "portfolio": lambda attack, rule, seed: 9 if attack == "best-input" else 3,
}


def test_every_claim_has_a_truth() -> None:
    known = {claim.name for claim in knowledge.CLAIMS}  # judged in test_knowledge.py
    assert {claim.name for claim in CLAIMS} == {*TRUTHS, *RULE_TRUTHS, *known}


@pytest.mark.parametrize("name", list(RULE_TRUTHS))
def test_a_claim_about_labels_holds_where_it_is_true_and_not_where_the_opposite_is(name: str) -> None:
    drop = RULE_TRUTHS[name]
    assert claim(name).verdict(Measurements(compared(drop))) == "holds"
    assert claim(name).verdict(Measurements(compared(lambda *at: 20 - drop(*at)))) == "does not hold"


@pytest.mark.parametrize(("short_of", "verdict"), [(0.4, "holds"), (0.6, "does not hold")])
def test_as_much_means_up_to_the_margin(short_of: float, verdict: str) -> None:
    assert rule_claims.MARGIN == 0.5
    rows = compared(lambda attack, rule, seed: 5 - short_of if rule == "clean" else 5)
    assert claim("labels").verdict(Measurements(rows)) == verdict


@pytest.mark.parametrize("name", list(RULE_TRUTHS))
def test_a_claim_without_measurements_is_not_measured(name: str) -> None:
    measurements = Measurements(everywhere(lambda *_: 3))
    assert claim(name).verdict(measurements) == "not measured"
    assert claim(name).verdicts(measurements) == []


def test_other_claims_do_not_read_what_is_measured_for_label_rules_only() -> None:
    rows = everywhere(TRUTHS["flips"])
    far = [measured_row("ft-matching", 0, seed, spec={"extractor": grid.FAR[0][1]}) for seed in (0, 1, 2)]
    others = [row for row in compared(lambda *_: 0.0) if row["spec"]["label_rule"] != "adversarial"]
    for name in TRUTHS:
        before, after = (claim(name).verdicts(Measurements(some)) for some in (rows, [*rows, *far, *others]))
        assert [(c.differences, verdict) for c, verdict in before] == [(c.differences, verdict) for c, verdict in after]


def test_the_far_transfer_is_compared_by_itself() -> None:
    far = {"extractor": grid.FAR[0][1], "budget": grid.RULE_BUDGET}
    rows = compared(RULE_TRUTHS["labels"]) + [
        measured_row("ft-matching", 1 if rule == "clean" else 2, seed, spec={**far, "label_rule": rule})
        for rule in ("clean", "adversarial")
        for seed in (0, 1, 2)
    ]
    means = {c.description: c.pooled.mean for c, _ in claim("labels").verdicts(Measurements(rows)) if c.pooled}
    assert means["`ft-matching`: `clean` minus `adversarial`"] == pytest.approx(6)
    assert means["`ft-matching`, far transfer: `clean` minus `adversarial`"] == pytest.approx(-1)


def test_a_claim_that_only_some_attacks_bear_out_holds_in_part() -> None:
    rows = everywhere(lambda attack, *_: 9 if attack in ("label-flip", "tgda-input") else 9.0 + (attack == "gc-input"))
    assert claim("flips").verdict(Measurements(rows)) == "holds in part"


def test_the_page_tells_every_claim_and_every_number() -> None:
    rows = everywhere(lambda attack, constraint, budget, extractor, seed: 100 * budget + seed)
    certified = [
        {
            "spec": {"data": "fashion-mnist", "extractor": FINE, "train_size": 1000},
            "plain": 0.8,
            "added": [{"clean": 0.7, "certified": [0.7] * 11 + [0.31] * 20}] * 3,
            "flipped": {"noise": {"heads": 5, "q": 0.6, "ridge": 0.03}, "clean": 0.75, "certified": [0.7, 0.61, 0.5]},
        }
    ]
    text = page(Frozen(rows, list(DEFENCES), [], []), certified, "of the lessons", "of emoji")
    assert "## What a class may see\n\nof the lessons\n\n## Colour: emoji of three vendors\n\nof emoji\n" in text
    for claim in CLAIMS:
        assert f"### {claim.statement}" in text
        assert f"(#{claim.name})" in text
    assert "11.0 ± 2.5" in text  # 10, 11 and 12 points
    assert "| 50 heads, certified | 70.0 | 70.0 | 31.0 | 0.0 |" in text
    assert "| 75.0 | 61.0 | 50.0 | 0.0 | 0.0 |" in text
    for attack, constraint in grid.attack_constraint_pairs():
        rule = grid.label_rule(attack)
        assert text.count(f"| `{attack}` | {constraint} | {rule} |") == 2 * len(grid.BUDGETS)


def test_an_interval_as_text() -> None:
    assert mean_and_interval(Interval(3.14, 2.0, 4.28, 3)) == "3.1 ± 1.1"
    assert mean_and_interval(Interval(3.14, 3.14, 3.14, 1)) == "3.1"
