"""The check that a choice makes sense, over every record of the registries."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.attacks.registry import RECORDS
from core.catalog.choices import listing, resolve
from core.data.registry import DATA
from core.extractors.registry import EXTRACTORS
from core.spec.events import STAGES
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, ExperimentSpec, parse_spec
from core.spec.registry import ATTACKS
from core.storage import uploads
from core.system.errors import SpecError
from tests.pictures import pets, zipped

LITE0 = "efficientnet-lite0-imagenet"


def resolved(**values: Any) -> ExperimentSpec:
    return resolve(parse_spec({"train_size": 200, "test_size": 200, **values}))


def refusal(**values: Any) -> str:
    with pytest.raises(SpecError) as caught:
        resolved(**values)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("name", EXTRACTORS)
def test_an_extractor_has_a_default_size_and_refuses_others(name: str) -> None:
    sizes = EXTRACTORS[name].input_sizes
    assert resolved(extractor=name).input_size == sizes[0]
    for size in sizes:
        assert resolved(extractor=name, input_size=size).input_size == size
    message = refusal(extractor=name, input_size=63)
    assert f"{name} takes input_size {', '.join(map(str, sizes))}; got 63" in message


@pytest.mark.parametrize("name", DATA)
def test_sizes_are_bound_by_the_data(name: str) -> None:
    record = DATA[name]
    for field, most, bound in (("train_size", record.train_images, 20), ("test_size", record.test_images, 10)):
        least = max(2 * len(record.classes), bound)
        for size in (least, most):
            assert getattr(resolved(data=name, **{field: size}), field) == size
        assert f"{field} is {most + 1}; {name} allows {least} to {most}" in refusal(data=name, **{field: most + 1})
        assert f"{field} is {least - 1};" in refusal(data=name, **{field: least - 1})


@pytest.mark.parametrize("name", DATA)
def test_domains_are_filled_in_and_checked(name: str) -> None:
    record = DATA[name]
    spec = resolved(data=name)
    assert (spec.train_domain, spec.test_domain) == ((record.domains[0],) * 2 if record.domains else (None, None))
    for domain in record.domains:
        assert resolved(data=name, train_domain=domain).test_domain == domain
        assert resolved(data=name, test_domain=domain).train_domain == record.domains[0]
    allowed = ", ".join(record.domains) or "none"
    for field in ("train_domain", "test_domain"):
        message = refusal(data=name, **{field: "moon"})
        assert f"{field} of {name} is 'moon'; allowed: {allowed}" in message


def test_unknown_names_list_the_known_ones() -> None:
    for field, registry in (("data", DATA), ("extractor", EXTRACTORS)):
        message = refusal(**{field: "nothing"})
        assert "'nothing'" in message
        assert all(name in message for name in registry)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("constraint", CONSTRAINTS)
def test_a_constraint_is_allowed_or_refused_with_a_reason(attack: str, constraint: str) -> None:
    if constraint in RECORDS[attack].constraints:
        assert resolved(attack=attack, constraint=constraint).constraint == constraint
    else:
        message = refusal(attack=attack, constraint=constraint)
        assert f"{attack} can't run under the constraint {constraint}: " in message
        assert f"Allowed: {', '.join(RECORDS[attack].constraints)}." in message


def test_only_images_have_pixels_to_bind() -> None:
    for attack in ATTACKS:
        assert ("perturbation" in RECORDS[attack].constraints) == RECORDS[attack].makes_images
        assert "valid" in RECORDS[attack].constraints


def test_flipping_to_the_same_label_is_refused() -> None:
    assert "flips nothing" in refusal(attack="label-flip", label_rule="clean")
    for rule in ("random", "adversarial"):
        assert resolved(attack="label-flip", label_rule=rule).label_rule == rule


FT = {"name": "ft-matching"}
GC = {"name": "gc-feature"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"delta": 0.1}, {"delta": 0.2}),
        ({"attack": {**FT, "stage2": "tgda", "target": "gradpc"}}, {"attack": {**FT, "stage2": "tgda"}}),
        ({"attack": {**FT, "stage2": "tgda", "radius": 1}}, {"attack": {**FT, "stage2": "tgda"}}),
        ({"attack": {**FT, "stage2": "gc", "lr": 1}}, {"attack": {**FT, "stage2": "gc"}}),
        (
            {"attack": {**FT, "stage2": "gc", "target": "search", "radius": 1}},
            {"attack": {**FT, "stage2": "gc", "target": "search"}},
        ),
        ({"attack": {**GC, "target": "search", "radius": 1}}, {"attack": {**GC, "target": "search"}}),
        ({"attack": {**FT, "match_steps": 0, "beta": 1}}, {"attack": {**FT, "match_steps": 0, "restarts": 2}}),
        ({"attack": {**FT, "bases": "sample"}, "label_rule": "random"}, {"attack": FT, "label_rule": "random"}),
        ({"input_size": 28}, {}),
        ({"data": "emoji", "train_domain": "google"}, {"data": "emoji", "test_domain": "google"}),
    ],
)
def test_specs_that_mean_the_same_have_one_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert resolved(**one).hash == resolved(**other).hash


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"delta": 0.1, "constraint": "perturbation"}, {"delta": 0.2, "constraint": "perturbation"}),
        ({"attack": {**FT, "stage2": "tgda", "lr": 1}}, {"attack": {**FT, "stage2": "tgda"}}),
        ({"attack": {**FT, "stage2": "gc", "target": "gradpc"}}, {"attack": {**FT, "stage2": "gc"}}),
        (
            {"attack": {**FT, "stage2": "gc", "target": "gradpc", "radius": 1}},
            {"attack": {**FT, "stage2": "gc", "target": "gradpc"}},
        ),
        ({"attack": {**GC, "target": "gradpc", "radius": 1}}, {"attack": {**GC, "target": "gradpc"}}),
        ({"attack": {**FT, "beta": 1}}, {"attack": FT}),
        ({"attack": {**FT, "restarts": 2}}, {"attack": FT}),
        ({"attack": {**FT, "bases": "sample"}}, {"attack": FT}),
        ({"attack": {**FT, "finish_steps": 0}}, {"attack": FT}),
        ({"extractor": LITE0, "input_size": 128}, {"extractor": LITE0}),
    ],
)
def test_specs_that_differ_in_meaning_differ_in_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert resolved(**one).hash != resolved(**other).hash


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("data", DATA)
def test_resolving_twice_changes_nothing(attack: str, data: str) -> None:
    spec = resolved(attack=attack, data=data)
    assert resolve(spec) == spec
    assert resolve(parse_spec(json.loads(spec.to_json()))) == spec


def test_stages_are_those_of_events() -> None:
    assert {stage.name for record in RECORDS.values() for stage in record.stages} <= STAGES.keys()


def test_listing_is_plain_data_with_every_record_and_its_bounds() -> None:
    listed = listing()
    assert json.loads(json.dumps(listed)) == listed
    assert listed["data"].keys() == DATA.keys()
    assert listed["extractors"].keys() == EXTRACTORS.keys()
    assert listed["attacks"].keys() == ATTACKS.keys()
    assert listed["constraints"] == CONSTRAINTS
    assert listed["label_rules"] == LABEL_RULES
    assert listed["bounds"]["budget"] == {"exclusiveMinimum": 0, "maximum": 1, "default": 0.03}
    assert {"budget", "delta", "train_size", "test_size", "ridge", "seed"} <= listed["bounds"].keys()


@pytest.mark.parametrize("name", DATA)
def test_listing_tells_of_data(name: str) -> None:
    about, record = listing()["data"][name], DATA[name]
    assert about["train_size"] == [max(20, 2 * len(record.classes)), record.train_images]
    assert about["test_size"] == [max(10, 2 * len(record.classes)), record.test_images]
    assert about["licence"]
    assert about["source"]
    assert about["classes"] == list(record.classes)
    assert about["domains"] == list(record.domains)
    assert about["embedded"] == record.embedded


def test_listing_tells_whether_data_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_DATA", str(tmp_path))
    here = {name for name, record in DATA.items() if record.embedded}
    assert {name for name, about in listing()["data"].items() if about["here"]} == here
    (tmp_path / "stl10_binary.tar.gz").touch()
    assert {name for name, about in listing()["data"].items() if about["here"]} == here | {"stl10"}


@pytest.mark.parametrize("name", ATTACKS)
def test_listing_tells_of_attacks(name: str) -> None:
    about = listing()["attacks"][name]
    assert about["title"]
    assert about["about"].endswith(".")
    assert about["constraints"] == list(RECORDS[name].constraints)
    assert about["makes_images"] == RECORDS[name].makes_images
    for parameter in about["parameters"].values():
        if parameter["type"] in ("number", "integer"):
            assert {"minimum", "exclusiveMinimum"} & parameter.keys()
            assert {"maximum", "exclusiveMaximum"} & parameter.keys()
        else:
            assert parameter["enum"]


def test_listing_names_uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    record = uploads.add_images("pets.zip", zipped(pets()))
    about = listing()["data"][record.name]
    assert (about["classes"], about["embedded"], about["here"]) == (["cats", "dogs"], False, True)


@pytest.mark.parametrize(("field", "part"), [("train_images", "training"), ("test_images", "test")])
def test_data_with_too_few_images_allows_no_size(monkeypatch: pytest.MonkeyPatch, field: str, part: str) -> None:
    """As a folder of copies, which are kept together on one side."""
    monkeypatch.setitem(DATA, "mnist", replace(DATA["mnist"], **{field: 19}))
    message = refusal(data="mnist")
    assert message.startswith(f"mnist has 19 {part} images, and at least 20 are needed. Add images")
