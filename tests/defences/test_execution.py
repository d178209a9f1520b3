"""The outer call trusts no defence: whatever breaks the contract is one sentence that names the defence."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from core.attacks.execution import execute
from core.defences import registry
from core.defences.algorithms.base import TrainingSet, Verdict
from core.defences.chain import parse_defence
from core.defences.execution import judge, score_function
from core.spec.events import silent
from core.system.errors import DefenceError
from tests import tiny
from tests.plugins import NORM, loaded

Answer = Callable[[Any, TrainingSet], Any]


def data() -> TrainingSet:
    scene = tiny.scene()
    return TrainingSet(scene.z, scene.y, scene.n_classes, scene.ridge)


def keeps(**changes: Tensor) -> Answer:
    """A judge that keeps everything, with some fields of its verdict changed."""

    def answer(settings: Any, data: TrainingSet) -> Verdict:
        everything = Verdict(torch.ones(300, dtype=torch.bool), torch.zeros(300, dtype=torch.float64))
        return replace(everything, **changes)

    return answer


NOT_FINITE = torch.full((300,), torch.inf, dtype=torch.float64)
BROKEN: dict[str, tuple[str, str, Answer, str]] = {
    "no verdict": ("trim", "judge", lambda *_: None, "returned NoneType instead of a Verdict."),
    "too few": (
        "trim",
        "judge",
        keeps(keep=torch.ones(299, dtype=torch.bool)),
        "did not say of each of the 300 points",
    ),
    "not yes or no": (
        "trim",
        "judge",
        keeps(keep=torch.ones(300)),
        "did not say of each of the 300 points if it stays.",
    ),
    "no suspicion": ("trim", "judge", keeps(suspicion=torch.zeros(3)), "did not judge each of the 300 points."),
    "infinite": ("trim", "judge", keeps(suspicion=NOT_FINITE), "gave some points a suspicion that is not finite."),
    "a list": ("knn", "suspicion", lambda *_: [0.0] * 300, "did not judge each of the 300 points."),
    "whole numbers": ("knn", "suspicion", lambda *_: torch.arange(300), "did not judge each of the 300 points."),
    "not a number": ("knn", "suspicion", lambda *_: torch.full((300,), torch.nan), "that is not finite."),
    "numbers": (
        "sphere",
        "score_function",
        lambda *_: torch.zeros(300),
        "returned Tensor instead of a score function.",
    ),
    "one score": (
        "sphere",
        "score_function",
        lambda *_: lambda z, y: z.norm(),
        "did not judge each of the 300 points.",
    ),
    "held out for one label": (
        "agreement",
        "held_out",
        lambda *_: torch.zeros(300, 9),
        "did not judge each of the 300 points under each of the 10 labels.",
    ),
    "held out, not a number": ("agreement", "held_out", lambda *_: torch.full((300, 10), torch.nan), "not finite."),
    "no number": ("sphere", "score_function", lambda *_: lambda z, y: z.sum(1).log(), "that is not finite."),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_breaks_the_contract_is_one_sentence(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, way, answer, words = BROKEN[case]
    monkeypatch.setitem(registry.RECORDS, name, replace(registry.RECORDS[name], **{way: answer}))
    with pytest.raises(DefenceError, match=re.escape(words)) as error:
        judge(parse_defence(name), data())
    assert str(error.value).startswith(f"The defence {name!r} ")


def test_an_attacker_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(settings: Any, data: TrainingSet) -> Callable[[Tensor, Tensor], Tensor]:
        return lambda z, y: z.double().sum(1).log()

    monkeypatch.setitem(registry.RECORDS, "sphere", replace(registry.RECORDS["sphere"], score_function=fit))
    with pytest.raises(DefenceError, match="'sphere' gave some points a suspicion that is not finite"):
        execute(tiny.spec("label-flip", evade="sphere"), tiny.scene(), silent)


def test_a_defence_without_a_score_function_can_not_be_passed() -> None:
    with pytest.raises(DefenceError, match="'trim' has no score function"):
        score_function("trim")


def test_a_bug_of_a_defence_that_ships_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.RECORDS, "knn", replace(registry.RECORDS["knn"], suspicion=lambda *_: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        judge(parse_defence("knn"), data())


@pytest.mark.parametrize(
    ("of", "indent"), [("    def length(", "    "), ("        lengths: Tensor", "        ")], ids=["fitting", "scoring"]
)
def test_an_error_of_a_plugin_is_said_with_its_line(of: str, indent: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    before, after = NORM.read_text().split(of)
    path.write_text(f"{before}{indent}1 / 0\n{of}{after}")
    with loaded(path), pytest.raises(DefenceError) as error:
        judge(parse_defence("norm"), data())
    number = before.count("\n") + 1
    expected = f"The defence 'norm' failed: ZeroDivisionError: division by zero ({path}, line {number})."
    assert str(error.value) == expected
