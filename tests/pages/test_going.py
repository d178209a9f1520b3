"""The lab while its run goes: previews in the places of the finished run, with its progress in the page itself."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.experiments.summary import CurvePoint
from core.serving import engine as engine_module
from core.serving.status import JobStatus, State
from core.spec.preview import Preview
from core.system.errors import EngineError
from pages import _going, _images, _map, _running, _story
from tests.apps import opened, rerun, shown_text, small
from tests.fakes import drawn_preview
from tests.pages.test_manners import IdleEngine

CURVE = [CurvePoint("pixels", i, {"train_accuracy": value}) for i, value in enumerate((0.86, 0.8, 0.74))]
RUNNING = JobStatus("running", 0, "pixels", 3, 10, 0.25, 0.0, 5.0, 15.0, CURVE, None)
FOLLOWED = "Training images read right, %: 86 at first, 74 now."
FINISHED = "60 poisoned images among 2,060 make 77 more of 1,000 test images wrong."
DROP = "Lost: 7.7 points, 95 % interval 5.9 to 9.5."
MADE = "4 poisoned images among 2,004 are being made: what is shown here is a preview."


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(engine_module, "get_engine", IdleEngine)


def going(status: JobStatus, preview: Preview | None, monkeypatch: pytest.MonkeyPatch) -> tuple[list, list]:
    """What the two components are given."""
    job = SimpleNamespace(status=lambda: status, preview=preview)
    monkeypatch.setattr(_story, "current", lambda: SimpleNamespace(job=lambda spec_hash: job, jobs=list))
    images, maps = [], []
    draw, show = _images.draw, _map.show
    monkeypatch.setattr(_images, "draw", lambda data, *rest: (images.append(data), draw(data, *rest)))
    monkeypatch.setattr(_map, "show", lambda scene, **rest: (maps.append(scene), show(scene, **rest)))
    return images, maps


def test_what_a_run_has_made_so_far_is_in_the_places_of_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    images, maps = going(RUNNING, drawn_preview(1), monkeypatch)
    app = opened("lab.py", seed="5")
    text = shown_text(app)
    for words in (MADE, FOLLOWED, "Run going: Optimising pixels on the head itself, step 3 of 10"):
        assert words in text.replace("**", "")
    for words in (FINISHED, DROP, "Result of other settings"):
        assert words not in text
    (cards,), (scene,) = images, maps
    assert (cards["count"], cards["isPreview"]) == (4, True)
    assert (cards["step"], cards["remark"]) == ("step 1", "")
    assert cards["classes"][:2] == ["T-shirt/top", "Trouser"]
    assert scene.is_preview
    assert scene.run == cards["run"] == app.session_state.spec.hash
    assert [control.disabled for control in app.get("button_group") if control.label == "Images to show"] == [True]


def test_before_it_has_made_anything_the_last_result_stays_and_the_page_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, maps = going(replace(RUNNING, curve=[], stage="extract"), None, monkeypatch)
    text = shown_text(opened("lab.py", seed="5")).replace("**", "")
    assert FINISHED in text
    assert DROP in text
    assert "Run going: Extracting features, step 3 of 10 · about 15 s left. Until it has made something" in text
    assert not images[0].get("isPreview")
    assert not maps[0]["isPreview"]


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_a_run_that_is_over_is_not_followed(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images, _ = going(replace(RUNNING, state=state), drawn_preview(1), monkeypatch)
    text = shown_text(opened("lab.py", seed="5"))
    assert FINISHED in text
    assert "Run going" not in text
    assert not images[0].get("isPreview")


@pytest.mark.parametrize(("most", "words"), [(2000, _going.NO_MAP), (1999, _going.MANY_POINTS)])
def test_without_a_map_to_stand_on_the_page_says_why(most: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_going, "MOST_CLEAN", most)
    images, maps = going(RUNNING, replace(drawn_preview(1), xy=None, train_xy=None, train_y=None), monkeypatch)
    text = shown_text(opened("lab.py", seed="5"))
    assert words in text
    assert images
    assert maps == []


def test_an_attack_that_measures_nothing_shows_no_accuracy(monkeypatch: pytest.MonkeyPatch) -> None:
    going(replace(RUNNING, curve=[]), drawn_preview(1), monkeypatch)
    text = shown_text(opened("lab.py", seed="5"))
    assert "This attack measures nothing on its way" in text
    assert DROP not in text


class FullEngine(IdleEngine):
    """Refuses every run, or has one that has failed."""

    def __init__(self, failed: object = None) -> None:
        self._failed = failed

    def submit(self, spec: object, person: str, *, again: bool = False) -> None:
        raise EngineError("10 runs are in flight; wait for one of them.")

    def job(self, spec_hash: str) -> object:  # type: ignore[override]
        return self._failed


def test_a_refused_run_is_said_above_the_page_as_a_phones_drawer_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "get_engine", FullEngine)
    app = opened("lab.py", seed="5")
    assert not app.toast
    app = rerun(app.button(key="run").click())
    assert [toast.value for toast in app.toast] == [
        "**The run did not start.** 10 runs are in flight; wait for one of them."
    ]
    assert not rerun(app).toast


def test_a_run_that_fails_is_said_there_once(monkeypatch: pytest.MonkeyPatch) -> None:
    status = replace(RUNNING, state="failed", error="The data are gone; put them back.")
    job = SimpleNamespace(id="x", run_id="x-1", people={"a"}, status=lambda: status, spec=small())
    monkeypatch.setattr(engine_module, "get_engine", lambda: FullEngine(job))
    app = opened("lab.py", seed="5")
    app.session_state["watched"] = ["x"]
    app = rerun(app)
    assert [toast.value for toast in app.toast] == ["**The run failed.** The data are gone; put them back."]
    app = rerun(app)
    assert not app.toast
    assert "The data are gone" in shown_text(app)


@pytest.mark.parametrize(
    ("states", "seconds"),
    [
        ((), None),
        ((("done", 0), ("failed", 0), ("cancelled", 0)), None),
        ((("running", 0),), 1.0),
        ((("queued", 1),), 1.0),
        ((("queued", 2),), 3.0),
        ((("queued", 5), ("done", 0)), 3.0),
        ((("queued", 5), ("running", 0)), 1.0),
    ],
)
def test_a_page_looks_less_often_at_runs_that_are_not_the_next(
    states: tuple[tuple[State, int], ...], seconds: float | None
) -> None:
    assert _running.refresh_seconds(replace(RUNNING, state=state, place=place) for state, place in states) == seconds
