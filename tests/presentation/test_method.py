"""How a run was made, in words."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.catalog import choices
from core.catalog.descriptions import describe
from core.defences.registry import RECORDS as DEFENCES
from core.presentation import method
from core.presentation.report_sections import headline
from core.spec.experiment import parse_spec
from tests.drawn import drawn_result
from tests.fakes import tiny_spec


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ({"attack": "label-flip"}, ["Copy training images"]),
        ({"attack": {"name": "gc-feature", "target": "search"}}, ["several radii", "cancel the gradient"]),
        ({"attack": {"name": "gc-input", "target": "gradpc", "radius": 2}}, ["at radius 2", "pixels"]),
        ({"attack": {"name": "ft-matching", "finish_steps": 0}}, ["errs as much as possible", "for 30 steps"]),
        ({"attack": {"name": "ft-donor", "stage2": "gc"}}, ["GradPC", "cancel the gradient", "as it is"]),
        (
            {"attack": {"name": "ft-decoder", "finish_steps": 7}},
            ["most harm as", "decoder", "for 7 more steps"],
        ),
        ({"attack": "ft-donor", "label_rule": "random"}, ["drawn at random", "nearest"]),
    ],
)
def test_method_tells_the_steps_that_were_run(values: dict[str, Any], steps: list[str]) -> None:
    report_steps = describe(choices.resolve(parse_spec(values))).report_steps
    assert len(report_steps) == len(steps)
    assert all(words in step for words, step in zip(steps, report_steps, strict=True)), report_steps


def test_method_tells_how_the_poison_is_scored() -> None:
    for values, words in (
        ({}, "rounded to the 8 bits"),
        ({"attack": "noise", "constraint": "none"}, "not as 8-bit files"),
        ({"attack": "tgda-feature"}, "feature vectors are added"),
    ):
        summary = drawn_result(tiny_spec(**values)).summary()
        assert any(words in sentence for sentence in method.measurement(summary))


def test_perturbation_is_told_in_grey_levels() -> None:
    spec = choices.resolve(parse_spec({"constraint": "perturbation", "delta": 4 / 255}))
    assert any("δ = 4/255" in sentence for _, sentence in method.threat_model(spec))


def test_a_defence_that_the_attacker_expects_is_told() -> None:
    spec = choices.resolve(parse_spec({"evade": "svd"}))
    (text,) = (words for heading, words in method.threat_model(spec) if "SVD residual" in heading)
    assert DEFENCES["svd"].summary in text
    assert "SVD residual" in choices.one_line(spec)
    assert not any("defence" in heading for heading, _ in method.threat_model(choices.resolve(parse_spec({}))))


def test_data_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    spec = tiny_spec().model_copy(update={"data": "upload:pets-0123456789abcdef"})
    assert method.sources(spec)[0] == method.Source(
        kind="Data", title="upload:pets-0123456789abcdef", source="No longer here", licence="unknown"
    )
    result = replace(drawn_result(tiny_spec()), spec=spec)
    assert headline(result.summary()).endswith("upload:pets-0123456789abcdef 20.0 points of accuracy")
