"""A change of the defaults changes nothing that was written before: partial specs, what ships, lessons, commands."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from core.attacks.registry import RECORDS
from core.catalog.choices import resolve
from core.cli.main import main
from core.evidence import grid
from core.presentation import export
from core.presentation.lessons import load
from core.spec import defaults
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage import gallery
from core.system.errors import SpecError

THEN = {
    "budget": 0.1,
    "attack": "label-flip",
    "seed": 5,
    "attack.ft-matching.steps": 17,
    "attack.gc-input.steps": 9,
}
"""As if these had been the defaults of version 1, and today's were those of version 2."""


@pytest.fixture
def changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "CURRENT", 2)
    monkeypatch.setattr(defaults, "EARLIER", {1: THEN})


def whole(values: dict[str, Any]) -> dict[str, Any]:
    return parse_spec(values).model_dump(mode="json")


@pytest.mark.usefixtures("changed")
def test_a_partial_spec_of_before_has_the_defaults_of_before() -> None:
    old = parse_spec({})
    assert (old.budget, old.attack.name, old.seed) == (0.1, "label-flip", 5)
    assert parse_spec({"defaults": 1}) == old
    new = parse_spec({"defaults": 2})
    assert new == ExperimentSpec()
    assert (new.budget, new.attack.name) == (0.03, defaults.ATTACK)
    assert parse_spec({"attack": "ft-matching"}).attack.model_dump()["steps"] == 17
    assert parse_spec({"attack": {"name": "ft-matching", "steps": 4}}).attack.model_dump()["steps"] == 4
    assert parse_spec({"attack": "ft-matching", "defaults": "2"}).attack.model_dump()["steps"] == 40
    assert "defaults" not in whole({"defaults": 1})


def test_parameters_without_a_name_are_of_the_attack_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "CURRENT", 2)
    monkeypatch.setattr(defaults, "EARLIER", {1: {"attack": "gc-input", "attack.gc-input.lr": 0.5}})
    old = parse_spec({"attack": {"steps": 8}}).attack.model_dump()
    assert (old["name"], old["steps"], old["lr"]) == ("gc-input", 8, 0.5)
    assert parse_spec({"attack": {"rounds": 8}, "defaults": 2}).attack.name == defaults.ATTACK
    assert parse_spec({}).attack.model_dump()["lr"] == 0.5


def test_a_parameter_of_the_default_attack_is_that_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "CURRENT", 2)
    monkeypatch.setattr(defaults, "EARLIER", {1: {f"attack.{defaults.ATTACK}.rounds": 17}})
    assert parse_spec({}).attack.model_dump()["rounds"] == 17
    assert parse_spec({"defaults": 2}).attack.model_dump()["rounds"] == 5


def test_versions_between_have_what_was_changed_after_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "CURRENT", 4)
    monkeypatch.setattr(defaults, "EARLIER", {1: {"budget": 0.1}, 2: {"budget": 0.2, "seed": 5}, 3: {"seed": 6}})
    values = [(spec.budget, spec.seed) for spec in (parse_spec({"defaults": version}) for version in (1, 2, 3, 4))]
    assert values == [(0.1, 5), (0.2, 5), (0.03, 6), (0.03, 0)]


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("version", [0, 3, -1, "two", "", "1.5", 1.5, True, None, [1], "9" * 5000])
def test_a_bad_version_is_one_sentence(version: object) -> None:
    with pytest.raises(SpecError, match=r"^defaults is .*; allowed: a version .* 1 to 2\.$") as caught:
        parse_spec({"defaults": version})
    assert "\n" not in str(caught.value)


def test_a_whole_spec_means_itself_under_any_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [resolve(parse_spec({"attack": name})) for name in RECORDS]
    texts = [export.spec_json(spec) for spec in specs]
    monkeypatch.setattr(defaults, "CURRENT", 2)
    monkeypatch.setattr(defaults, "EARLIER", {1: THEN})
    again = [resolve(parse_spec(json.loads(text))) for text in texts]
    assert [spec.hash for spec in again] == [spec.hash for spec in specs]


@pytest.mark.parametrize("field", ["delta", "attack.ft-matching.lr", "attack.ft-matching.radius"])
def test_what_is_not_read_keeps_its_place_in_the_hash(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """`delta` without its constraint, `lr` beside gc, `radius` beside tgda: their default may change, no hash does."""
    stage2 = "gc" if field.endswith("lr") else "tgda"
    asked = {"attack": {"name": "ft-matching", "stage2": stage2}}
    value = ExperimentSpec().delta if field == "delta" else {"lr": 0.3, "radius": 3.0}[field.rpartition(".")[2]]
    before = resolve(parse_spec(asked))
    # Today's default is another one than `value`, which was the first.
    if field == "delta":
        monkeypatch.setattr(ExperimentSpec.model_fields["delta"], "default", 0.5)
    else:
        name = field.rpartition(".")[2]
        monkeypatch.setattr(RECORDS["ft-matching"].settings.model_fields[name], "default", 0.9)
    monkeypatch.setattr(defaults, "CURRENT", 2)
    monkeypatch.setattr(defaults, "EARLIER", {1: {field: value}})
    assert resolve(parse_spec({**asked, "defaults": 2})).hash == before.hash
    assert resolve(parse_spec(before.model_dump(mode="json"))).hash == before.hash


def test_what_ships_lessons_and_measurements_keep_their_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are partial specs without a version: their presets are filled up as they were."""

    def hashes() -> list[str]:
        steps = [step for lesson in load() for step in lesson.steps]
        of_lessons = [spec.hash for step in steps for spec in (step.spec, step.beside_spec) if spec is not None]
        of_gallery = [
            gallery._entry(
                "", entry.spec.attack.name, budget=entry.spec.budget, label_rule=entry.spec.label_rule
            ).spec.hash
            for entry in gallery.entries()
        ]
        of_grid = [spec.hash for spec in grid.specs(grid.pairs(()), grid.BUDGETS, grid.SEEDS, {})]
        return [*of_lessons, *of_gallery, *of_grid]

    before = hashes()
    # Today's defaults become those of the version before; the new ones are another budget, λ and attack.
    usual = ExperimentSpec()
    now = {"budget": usual.budget, "attack": usual.attack.name, "ridge": usual.ridge}
    monkeypatch.setattr(defaults, "EARLIER", {**defaults.EARLIER, defaults.CURRENT: now})
    monkeypatch.setattr(defaults, "CURRENT", new := defaults.CURRENT + 1)
    for name, value in (("budget", 0.2), ("ridge", 0.5)):
        monkeypatch.setattr(ExperimentSpec.model_fields[name], "default", value)
    monkeypatch.setattr(defaults, "ATTACK", "noise")
    ExperimentSpec.model_rebuild(force=True)
    try:
        assert parse_spec({"defaults": new}).budget == 0.2
        assert parse_spec({"defaults": new}).attack.name == "noise"
        assert parse_spec({"defaults": new - 1}).attack.name == usual.attack.name
        assert hashes() == before
    finally:
        monkeypatch.undo()
        ExperimentSpec.model_rebuild(force=True)
    assert ExperimentSpec().budget == 0.03


def ran(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *words: str) -> ExperimentSpec:
    asked: list[ExperimentSpec] = []
    monkeypatch.setattr("core.cli.run._execute", lambda spec, *_: asked.append(spec))
    assert main(["run", "--out", str(tmp_path / "run"), *words]) == 0
    return asked[0]


@pytest.mark.usefixtures("changed")
def test_a_command_is_of_todays_defaults_or_of_those_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ran(monkeypatch, tmp_path) == resolve(ExperimentSpec())
    assert ran(monkeypatch, tmp_path, "--defaults", "1") == resolve(parse_spec({}))
    steps = ran(monkeypatch, tmp_path, "--defaults", "1", "--attack", "gc-input", "--set", "lr=0.5").attack
    assert steps.model_dump()["steps"] == 9
    assert main(["run", "--out", str(tmp_path / "run"), "--defaults", "3"]) == 2
    assert "defaults is '3'; allowed: a version" in capsys.readouterr().err


def test_set_alone_is_of_the_attack_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defaults, "CURRENT", 2)
    monkeypatch.setattr(defaults, "EARLIER", {1: {"attack": "tgda-input"}})
    assert ran(monkeypatch, tmp_path, "--defaults", "1", "--set", "lr=0.5").attack.name == "tgda-input"
    assert ran(monkeypatch, tmp_path, "--set", "lr=0.5").attack.name == defaults.ATTACK


@pytest.mark.parametrize("name", list(RECORDS))
def test_an_exported_command_keeps_its_meaning(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = resolve(parse_spec({"attack": name, "budget": 0.07}))
    words = shlex.split(export.command(spec))[6:]
    assert words[:2] == ["--defaults", str(defaults.CURRENT)]
    assert ran(monkeypatch, tmp_path, *words) == spec
    # Today's defaults become those of version 1, and others today's.
    usual = ExperimentSpec()
    then = {"ridge": usual.ridge, "seed": usual.seed}
    monkeypatch.setattr(defaults, "EARLIER", {**defaults.EARLIER, defaults.CURRENT: then})
    monkeypatch.setattr(defaults, "CURRENT", defaults.CURRENT + 1)
    monkeypatch.setattr(ExperimentSpec.model_fields["ridge"], "default", 0.5)
    assert ran(monkeypatch, tmp_path, *words) == spec
    assert f"--defaults {defaults.CURRENT}" in export.command(spec)
