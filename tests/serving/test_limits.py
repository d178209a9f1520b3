"""What people may ask for, and what is refused with its number."""

from typing import Any

import pytest

from core.experiments import cost
from core.serving.engine import Engine
from core.serving.limits import check_limits
from core.system.errors import EngineError
from core.system.settings import Limits
from tests.fakes import tiny_spec
from tests.patience import PATIENCE


def test_a_person_has_a_limit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "limits", Limits(person_runs=2))
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    jobs = [engine.submit(tiny_spec(70), "ada"), engine.submit(tiny_spec(71), "ada")]
    with pytest.raises(EngineError, match="2 runs in flight"):
        engine.submit(tiny_spec(72), "ada")
    assert engine.submit(tiny_spec(70), "ada") is jobs[0]
    assert engine.submit(tiny_spec(72), "bob").status().state == "queued"
    jobs[1].cancel()
    assert engine.submit(tiny_spec(73), "ada").status().state == "queued"


def test_all_people_together_have_a_limit(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "limits", Limits(all_runs=2))
    monkeypatch.setattr(engine, "execute", "tests.fakes:slow")
    jobs = [engine.submit(tiny_spec(174), "ada"), engine.submit(tiny_spec(175), "bob")]
    with pytest.raises(EngineError, match="2 runs are in flight on this server, at most 2 are allowed"):
        engine.submit(tiny_spec(176), "cyd")
    assert engine.submit(tiny_spec(175), "cyd") is jobs[1], "what runs already is shared all the same"
    jobs[0].cancel()
    assert engine.submit(tiny_spec(176), "cyd").status().state == "queued"


def test_what_would_take_too_long_is_refused_with_the_number(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cost.total(tiny_spec(177))
    monkeypatch.setattr(engine, "limits", Limits(run_seconds=expected / 2))
    with pytest.raises(EngineError, match=f"expected to take {expected:,.0f} s .* at most {expected / 2:,.0f} s"):
        engine.submit(tiny_spec(177), "ada")
    assert engine.job(tiny_spec(177).hash) is None, "nothing is left of it"
    monkeypatch.setattr(engine, "limits", Limits(run_seconds=expected * 2))
    assert engine.submit(tiny_spec(177), "ada").wait(PATIENCE).state == "done"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"person_runs": 2}, "^You have 2 runs in flight, at most 2 are allowed; wait"),
        ({"all_runs": 3}, "^3 runs are in flight on this server, at most 3 are allowed; wait"),
        (
            {"expected_seconds": 4.5},
            "^This run is expected to take 4 s on this machine, at most 4 s are allowed here; choose",
        ),
    ],
)
def test_each_limit_says_what_is_allowed(values: dict[str, Any], sentence: str) -> None:
    within = {"person": "ada", "person_runs": 1, "all_runs": 2, "expected_seconds": 4.0}
    limits = Limits(person_runs=2, all_runs=3, run_seconds=4)
    check_limits(limits, **within)  # type: ignore[arg-type]
    with pytest.raises(EngineError, match=sentence):
        check_limits(limits, **{**within, **values})  # type: ignore[arg-type]


def test_who_gives_no_name_has_no_limit_of_their_own() -> None:
    check_limits(Limits(person_runs=1), person="", person_runs=9, all_runs=9, expected_seconds=1.0)
