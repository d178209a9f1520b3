"""What tells experiments apart: every field of every spec is found and has words, and nothing else is."""

from typing import Any

import pytest

from core.catalog.choices import resolve
from core.catalog.differences import FIELD_LABELS, differences, field_label, sentence, value_text
from core.spec.experiment import ExperimentSpec, parse_spec
from core.spec.models import parameters
from core.spec.registry import ATTACKS

OTHER: dict[str, Any] = {
    "data": "mnist",
    "train_domain": "twitter",
    "test_domain": "twitter",
    "extractor": "efficientnet-lite0-imagenet",
    "input_size": 64,
    "side": 224,
    "attack": "noise",
    "budget": 0.05,
    "constraint": "none",
    "delta": 4 / 255,
    "label_rule": "random",
    "evade": "loss",
    "train_size": 1000,
    "test_size": 500,
    "ridge": 0.01,
    "seed": 7,
    "attacker_data": "other",
    "attacker_ridge": 0.02,
    "attacker_extractor": "resnet10-small-mnist",
}
"""Another value than the base's for each field."""
BASE: dict[str, Any] = {
    **{"attack": "label-flip", "evade": "slab"},
    **{"train_domain": "google", "test_domain": "google", "input_size": 28},
    **{"attacker_ridge": 0.5, "attacker_extractor": "efficientnet-lite0-imagenet"},
}
PARAMETERS = [(attack, name) for attack in ATTACKS for name in parameters(ATTACKS[attack])]


def another(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != schema["default"])
    default, high = schema["default"], schema.get("maximum", schema.get("exclusiveMaximum"))
    return default + 1 if default + 1 < high else (default + high) / 2


def test_every_field_has_another_value_here() -> None:
    assert OTHER.keys() == ExperimentSpec.model_fields.keys() - {"plugins"}


@pytest.mark.parametrize("field", OTHER)
def test_each_field_is_found_alone(field: str) -> None:
    reads = {"delta": {"constraint": "perturbation"}, "side": {"data": "upload:gone-0123456789abcdef"}}.get(field, {})
    one, two = parse_spec({**BASE, **reads}), parse_spec({**BASE, **reads, field: OTHER[field]})
    values = [getattr(one, field), getattr(two, field)]
    assert differences([one, two]) == [(field, ["label-flip", "noise"] if field == "attack" else values)]
    assert field in FIELD_LABELS
    text = sentence([one, two], ["A", "B"])
    assert field_label(field) in text
    assert all(value_text(field, value) in text for value in differences([one, two])[0][1])


def test_an_attacker_that_knows_less_is_told_from_one_that_knows_all() -> None:
    specs = [ExperimentSpec(), ExperimentSpec(attacker_ridge=0.5)]
    assert differences(specs) == [("attacker_ridge", ["the defender's", 0.5])]
    assert "attacker's λ (A: the defender's; B: 0.5)" in sentence(specs, ["A", "B"])
    others = [ExperimentSpec(), ExperimentSpec(attacker_data="other")]
    assert "attacker's points (A: training set; B: other ones)" in sentence(others, ["A", "B"])
    assert differences([ExperimentSpec(), ExperimentSpec(ridge=0.5)]) == [("ridge", [0.001, 0.5])]


@pytest.mark.parametrize(("attack", "name"), PARAMETERS)
def test_each_parameter_of_an_attack_is_found_where_it_is_read(attack: str, name: str) -> None:
    schema = parameters(ATTACKS[attack])[name]
    # Set so that every parameter is read: a target at one radius, found by Gradient Canceling where there is a choice.
    setting = {"stage2": "gc", "target": "gradpc"} if name in ("target", "radius") else {}
    given = {"name": attack, **{key: value for key, value in setting.items() if key in parameters(ATTACKS[attack])}}
    one = parse_spec({"attack": given})
    value = next(v for v in ("search", "gradpc") if v != given.get("target")) if name == "target" else another(schema)
    two = parse_spec({"attack": {**given, name: value}})
    read = [name not in spec.attack.unread(spec.label_rule) for spec in (one, two)]
    assert all(read)
    assert (f"attack.{name}", [getattr(one.attack, name), value]) in differences([one, two])
    assert field_label(f"attack.{name}") in schema["title"].lower()


def test_what_one_does_not_read_is_no_difference() -> None:
    valid, bound = parse_spec({"attack": "noise"}), parse_spec({"attack": "noise", "delta": 0.5})
    assert differences([valid, bound]) == []
    tgda = parse_spec({"attack": {"name": "ft-donor", "stage2": "tgda", "radius": 9.0}})
    assert differences([tgda, parse_spec({"attack": "ft-donor"})]) == []
    assert [field for field, _ in differences([tgda, parse_spec({"attack": "noise"})])] == ["attack"]


def test_to_expect_a_defence_or_none_is_a_difference() -> None:
    specs = [ExperimentSpec(), ExperimentSpec(evade="svd")]
    assert differences(specs) == [("evade", ["none", "svd"])]
    assert "defence to evade (A: none; B: SVD residual)" in sentence(specs, ["A", "B"])


def test_an_experiment_is_not_unlike_itself() -> None:
    spec = resolve(ExperimentSpec())
    assert differences([spec, spec]) == []
    assert differences([spec]) == []
    assert differences([]) == []
    assert sentence([spec, spec], ["A", "B"]) == "Nothing that they share differs between these experiments."


def test_values_are_told_once_with_their_owners() -> None:
    specs = [parse_spec({"budget": budget}) for budget in (0.03, 0.1, 0.03)]
    assert sentence(specs, ["A", "B", "C"]) == (
        "They differ in budget (A and C: 3 %; B: 10 %); everything else that they share is the same."
    )


def test_many_differences_are_only_named() -> None:
    specs = [parse_spec({}), parse_spec({"budget": 0.1, "seed": 1, "ridge": 0.1})]
    assert sentence(specs, ["A", "B"]) == (
        "They differ in budget, ridge λ and seed; everything else that they share is the same."
    )


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("budget", 0.03, "3 %"),
        ("budget", 0.005, "0.5 %"),
        ("delta", 8 / 255, "8/255"),
        ("train_size", 2000, "2,000"),
        ("seed", 12345, "12345"),
        ("ridge", 1e-3, "0.001"),
        ("data", "mnist", "MNIST"),
        ("data", "upload:gone-0123456789abcdef", "upload:gone-0123456789abcdef"),
        ("extractor", "own:gone", "own:gone"),
        ("attack", "ft-donor", "Feature-targeted, real images"),
        ("attack.bases", "sample", "Random"),
        ("attack.steps", None, "—"),
    ],
)
def test_values_have_words(field: str, value: Any, words: str) -> None:
    assert words in value_text(field, value)
