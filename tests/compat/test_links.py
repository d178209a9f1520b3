"""Links of version 0.1.0: each means the experiment, the locks, the lesson and the view that it meant."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from core.catalog.choices import resolve
from core.serving import engine
from core.spec.experiment import ExperimentSpec
from core.system.paths import GALLERY
from pages import _own, _progress, _runs, _state
from tests.apps import Tasks, opened

*LINKS, PLAIN = json.loads((Path(__file__).parent / "links-0.1.0.json").read_text())
EACH = pytest.mark.parametrize("link", LINKS, ids=lambda link: f"{link['page']}-{'-'.join(link['query']) or 'bare'}")


@pytest.fixture(autouse=True)
def quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that ship and no others, and no cluster."""
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    idle = Tasks()
    idle.works = False
    monkeypatch.setattr(engine, "get_engine", lambda: idle)


def settings(link: dict[str, Any]) -> dict[str, str]:
    return {key: text for key, text in link["query"].items() if key not in _progress.KEYS}


def meant(link: dict[str, Any]) -> str:
    """The hash of the experiment that a link means: a bare address is no link to one, and opens today's default."""
    return link["hash"] if link["query"] else resolve(ExperimentSpec()).hash


def test_every_key_of_then_stands_in_a_link_and_is_known() -> None:
    keys = {key for link in LINKS for key in link["query"]}
    assert {"data", "from", "to", "extractor", "px", "attack", "evade", "budget", "constraint", "delta"} <= keys
    assert {"labels", "train", "test", "ridge", "seed", "lock", "hide", "lesson", "step", "answers", "done"} <= keys
    assert {"steps", "lr", "target", "radius", "stage2", "bases", "finish_steps", "match_steps", "restarts"} <= keys
    own = {key for page in ("features", "sweep") for key in _own.keys(page)}
    assert own <= keys
    assert keys <= {*_state.all_keys(), *_state.LOCKS, *_progress.KEYS, *own}


@EACH
def test_settings_mean_the_same_experiment(link: dict[str, Any]) -> None:
    values, problems = _state.from_query(settings(link), _own.keys(link["page"]))
    assert problems == []
    if link["progress"]["lesson"] and not set(settings(link)) - {*_state.LOCKS}:
        return  # a lesson's step has settings of its own: the page says which
    assert _state.to_spec(values).hash == meant(link)


@EACH
def test_locks_and_lessons_are_the_same(link: dict[str, Any]) -> None:
    locks, problems = _state.locks_from_query(link["query"])
    assert problems == []
    assert {"lock": list(locks.lock), "hide": list(locks.hide)} == link["locks"]
    progress, problems = _progress.from_query(link["query"], _runs.lessons())
    assert problems == []
    then = link["progress"]
    assert (progress.lesson, progress.step) == (then["lesson"], then["step"])
    answers = {str(step): answer for step, answer in progress.answers.items()}
    # The page counts a step as done once its question is answered; the link says what was done before.
    assert answers.items() <= then["answers"].items()
    assert progress.done.items() <= then["done"].items()
    assert bool(progress.done) == ("done" in link["query"])


@pytest.mark.pages
@EACH
def test_the_page_opens_as_it_did(link: dict[str, Any]) -> None:
    app = opened(f"{link['page']}.py", **link["query"])
    state = app.session_state
    assert state.problems == []
    assert state.spec.hash == meant(link)
    for key, value in link["own"].items():
        assert state.own_values[key] == value


@pytest.mark.pages
@pytest.mark.parametrize("page", list(PLAIN["pages"]))
def test_pages_without_settings_open_as_they_did(page: str) -> None:
    parts = urlsplit(PLAIN["pages"][page])
    query = dict(parse_qsl(parts.query))
    app = opened(f"{parts.path}.py", **query)
    assert not app.error
    assert not app.warning
    for spec_hash in (query.get("runs") or query["run"]).split(","):
        assert (GALLERY / spec_hash).is_dir()
    if page == "compare":
        assert app.query_params["runs"] in (query["runs"], [query["runs"]])
    if page == "defend":
        assert app.session_state["defend-with"] == ["knn", "loss"]
        assert app.session_state["defend-share"] == 10
    if "step" in query:
        assert app.query_params["step"] in (query["step"], [query["step"]])
