"""The description of an experiment: what is refused and in which words, and what its hash depends on."""

import json
import random
from typing import Any

import pytest
from pydantic import ValidationError

from core.spec.defaults import CURRENT
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, ExperimentSpec, parse_spec
from core.spec.models import parameters
from core.spec.registry import ATTACKS, EVADABLE
from core.system.errors import SpecError

WHOLE: dict[str, Any] = {
    "data": "emoji",
    "train_domain": "google",
    "test_domain": "twitter",
    "extractor": "resnet18-imagenet",
    "input_size": 64,
    "side": 96,
    "attack": {"name": "gc-feature", "target": "gradpc", "radius": 2.0, "steps": 7},
    "budget": 0.1,
    "constraint": "none",
    "delta": 0.1,
    "label_rule": "random",
    "evade": "sphere",
    "train_size": 100,
    "test_size": 50,
    "ridge": 0.01,
    "seed": 5,
    "attacker_data": "other",
    "attacker_ridge": 0.1,
    "attacker_extractor": "resnet10-small-mnist",
}


def test_every_field_is_read() -> None:
    spec = parse_spec(WHOLE)
    assert WHOLE.keys() == ExperimentSpec.model_fields.keys() - {"plugins"}
    assert spec.model_dump() == WHOLE


@pytest.mark.parametrize("name", ATTACKS)
def test_attack_by_name_is_the_attack_with_its_defaults(name: str) -> None:
    spec = parse_spec({"attack": name, "defaults": CURRENT})
    assert spec == parse_spec({"attack": {"name": name}, "defaults": CURRENT})
    assert spec.attack == ATTACKS[name]()
    assert spec.label_rule == ATTACKS[name].label_rule


def test_nothing_given_is_the_default() -> None:
    assert parse_spec({"defaults": CURRENT}) == ExperimentSpec()
    first = {"attack": "ft-matching", "label_rule": "adversarial", "side": 64}
    assert parse_spec({}) == parse_spec({**first, "defaults": CURRENT})
    assert parse_spec({}) != ExperimentSpec()


def test_the_rule_for_labels_is_what_suits_the_attack_unless_one_is_given() -> None:
    rules = {name: parse_spec({"attack": name, "defaults": CURRENT}).label_rule for name in ATTACKS}
    assert {name for name, rule in rules.items() if rule == "clean"} == {"fw-input", "best-input"}
    assert set(rules.values()) == {"clean", "adversarial"}
    assert ExperimentSpec(label_rule="random").label_rule == "random"
    # In links and files of before, every attack had the same rule.
    assert {parse_spec({"attack": name, "defaults": 2}).label_rule for name in ATTACKS} == {"adversarial"}


def test_text_from_a_command_line_is_a_number() -> None:
    attack = {"name": "gc-feature", "steps": "7", "radius": "2.5"}
    spec = parse_spec({"attack": attack, "budget": "0.1", "seed": "3"})
    assert spec == parse_spec({"attack": {"name": "gc-feature", "steps": 7, "radius": 2.5}, "budget": 0.1, "seed": 3})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"budget": 0}, ["budget is 0;", "more than 0, at most 1"]),
        ({"budget": -1}, ["budget is -1;", "more than 0, at most 1"]),
        ({"budget": 1.5}, ["budget is 1.5;", "more than 0, at most 1"]),
        ({"budget": float("nan")}, ["budget is nan;", "finite"]),
        ({"budget": "lots"}, ["budget is 'lots';", "number"]),
        ({"budget": None}, ["budget is None;"]),
        ({"attack": "magic"}, ["Unknown attack 'magic'", *ATTACKS]),
        ({"attack": {"name": "magic"}}, ["Unknown attack 'magic'", *ATTACKS]),
        ({"attack": {"name": "gc-feature", "stepz": 3}}, ["'attack.stepz'", "radius", "steps", "target"]),
        ({"attack": {"name": "label-flip", "steps": 3}}, ["'attack.steps'", "Allowed: none"]),
        ({"attack": {"name": "gc-feature", "steps": 0}}, ["attack.steps is 0;", "greater than or equal to 1"]),
        ({"attack": {"name": "ft-matching", "stage2": "x"}}, ["attack.stage2 is 'x';", "'gc' or 'tgda'"]),
        ({"colour": "red"}, ["Unknown field 'colour'", "budget", "seed"]),
        ({"constraint": "some"}, ["constraint is 'some';", *CONSTRAINTS]),
        ({"label_rule": "some"}, ["label_rule is 'some';", *LABEL_RULES]),
        ({"evade": "knn"}, ["evade is 'knn';", *EVADABLE]),
        ({"evade": []}, ["evade is [];", *EVADABLE]),
        ({"seed": -1}, ["seed is -1;", "greater than or equal to 0"]),
        ({"train_size": 3}, ["train_size is 3;", "20"]),
        ({"train_size": 30.5}, ["train_size is 30.5;", "integer"]),
        ({"ridge": 0}, ["ridge is 0;", "greater than 0"]),
        ({"delta": 2}, ["delta is 2;", "less than or equal to 1"]),
        ({"input_size": 4}, ["input_size is 4;", "8"]),
        ({"side": 7}, ["side is 7;", "8"]),
        ({"side": 225}, ["side is 225;", "224"]),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(values)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")
    for word in words:
        assert word in message


def bounds() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """For each bound of each number: values just inside, and just outside."""
    cases = []
    for name in ATTACKS:
        for key, about in parameters(ATTACKS[name]).items():
            cases += [
                ({"attack": {"name": name, key: a}}, {"attack": {"name": name, key: b}}) for a, b in _pairs(about)
            ]
    for key, about in ExperimentSpec.model_json_schema()["properties"].items():
        cases += [({key: a}, {key: b}) for a, b in _pairs(about)]
    return cases


def _pairs(about: dict[str, Any]) -> list[tuple[float, float]]:
    step = 1 if about.get("type") == "integer" else 1e-6
    pairs = []
    if "minimum" in about:
        pairs.append((about["minimum"], about["minimum"] - step))
    if "exclusiveMinimum" in about:
        pairs.append((about["exclusiveMinimum"] + step, about["exclusiveMinimum"]))
    if "maximum" in about:
        pairs.append((about["maximum"], about["maximum"] + step))
    return pairs


@pytest.mark.parametrize(("inside", "outside"), bounds())
def test_bounds_are_exact(inside: dict[str, Any], outside: dict[str, Any]) -> None:
    parse_spec(inside)
    with pytest.raises(SpecError):
        parse_spec(outside)


def test_every_number_has_bounds() -> None:
    assert len(bounds()) >= 2 * 9 + 2 * 6


@pytest.mark.parametrize("seed", range(3))
def test_hash_does_not_depend_on_the_order_of_fields(seed: int) -> None:
    shuffler = random.Random(seed)

    def shuffled(values: dict[str, Any]) -> dict[str, Any]:
        items = [(key, shuffled(value) if isinstance(value, dict) else value) for key, value in values.items()]
        shuffler.shuffle(items)
        return dict(items)

    assert parse_spec(shuffled(WHOLE)).hash == parse_spec(WHOLE).hash


def test_canonical_json_is_sorted_and_gives_the_spec_back() -> None:
    spec = parse_spec(WHOLE)
    text = spec.to_json()
    assert " " not in text
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert parse_spec(json.loads(text)) == spec


CHANGED = {
    "data": "mnist",
    "train_domain": "twitter",
    "test_domain": None,
    "extractor": "resnet50-imagenet",
    "input_size": 128,
    "side": 97,
    "attack": {**WHOLE["attack"], "steps": 8},
    "budget": 0.11,
    "constraint": "valid",
    "delta": 0.2,
    "label_rule": "clean",
    "evade": None,
    "train_size": 101,
    "test_size": 51,
    "ridge": 0.02,
    "seed": 6,
    "attacker_data": "training",
    "attacker_ridge": None,
    "attacker_extractor": None,
}


@pytest.mark.parametrize("field", sorted(ExperimentSpec.model_fields.keys() - {"plugins"}))
def test_every_field_and_the_version_are_in_the_hash(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = parse_spec(WHOLE)
    assert parse_spec({**WHOLE, field: CHANGED[field]}).hash != spec.hash
    before = spec.hash
    monkeypatch.setattr("core.spec.experiment.SPEC_VERSION", 99)
    assert spec.hash != before
    assert len(spec.hash) == 16
    assert int(spec.hash, 16) >= 0


def test_no_defence_to_pass_leaves_hashes_as_they_were_before_there_was_a_choice() -> None:
    """Results are stored and shipped by hash: this is the default's of before."""
    default = parse_spec({})
    assert default.hash == "c9f1e093f4744d33"
    for text in (default.to_json(), parse_spec({"evade": None}).to_json()):
        assert "evade" not in text
        assert parse_spec(json.loads(text)) == default


def test_the_side_of_before_there_was_a_choice_leaves_hashes_as_they_were() -> None:
    """What names no side is from then; one that is left open is no side yet, and survives JSON as such."""
    assert parse_spec({}).side == 64
    assert "side" not in parse_spec({}).to_json()
    assert parse_spec({}).hash == "c9f1e093f4744d33"
    assert parse_spec(json.loads(ExperimentSpec().to_json())).side is None
    hashes = {side: parse_spec({"side": side}).hash for side in (8, 63, 64, 65, 224)}
    assert len({*hashes.values()}) == 5
    assert hashes[64] == parse_spec({}).hash


def test_an_attacker_that_knows_everything_leaves_hashes_as_they_were() -> None:
    known = {"attacker_data": "training", "attacker_ridge": None, "attacker_extractor": None}
    assert parse_spec(known).hash == "c9f1e093f4744d33"
    assert "attacker" not in parse_spec(known).to_json()
    limited = parse_spec({"attacker_data": "other", "attacker_ridge": 0.1})
    assert parse_spec(json.loads(limited.to_json())) == limited


def test_a_spec_is_frozen() -> None:
    with pytest.raises(ValidationError):
        ExperimentSpec().seed = 3


@pytest.mark.parametrize(
    ("budget", "n", "m"), [(0.03, 2000, 60), (1e-6, 20, 1), (1.0, 20, 20), (0.024, 100, 2), (0.026, 100, 3)]
)
def test_n_poison_is_rounded_and_at_least_one(budget: float, n: int, m: int) -> None:
    assert parse_spec({"budget": budget, "train_size": n}).n_poison == m


@pytest.mark.parametrize("name", ATTACKS)
def test_parameters_are_described(name: str) -> None:
    schema = parameters(ATTACKS[name])
    assert schema.keys() == ATTACKS[name].model_fields.keys() - {"name"}
    assert all(about["description"] and "default" in about for about in schema.values())
