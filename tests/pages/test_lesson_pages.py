"""The pages of lessons and for teachers, and links that lock controls, in Streamlit's own tester."""

import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from streamlit.testing.v1 import AppTest

from core.defences.chain import parse_chain
from core.presentation.lessons import load
from core.serving import engine as engine_module
from core.spec.defaults import CURRENT
from core.spec.experiment import ExperimentSpec
from core.storage import defended
from core.storage.runs import Store
from core.system.paths import ROOT
from pages import _runs, _state
from pages._state import Locks
from tests.apps import query, rerun
from tests.drawn import drawn_result
from tests.storage.test_defended import separable

LESSONS = {lesson.id: lesson for lesson in load()}
FIRST = LESSONS["head"].steps[0]


class IdleEngine:
    """Notes what is submitted and never runs it; does tasks at once."""

    error: str | None = None

    def __init__(self) -> None:
        self.asked: list[str] = []

    def was_interrupted(self, spec_hash: str) -> bool:
        return False

    def job(self, _: str) -> None:
        return None

    def submit(self, spec: ExperimentSpec, person: str = "", *, again: bool = False) -> Any:
        self.asked.append(spec.hash)
        return type("Job", (), {"id": spec.hash})

    def run_task(self, key: str, function: str, root: str, spec_hash: str, texts: list[str]) -> "IdleEngine":
        assert function == "core.storage.defended:judge"
        if self.error is None:
            defended.judge(root, spec_hash, texts)
        return self


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> IdleEngine:
    idle = IdleEngine()
    monkeypatch.setattr(engine_module, "get_engine", lambda: idle)
    return idle


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of the steps' experiments that the tests need, written once."""
    store = Store(tmp_path_factory.mktemp("written"), shipped=None)
    for spec in (FIRST.spec, LESSONS["flips"].steps[0].spec):
        store.put(drawn_result(spec))
    return store.root


@pytest.fixture(autouse=True)
def _own_store(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.setattr(_runs, "GALLERY", tmp_path / "no-gallery")
    shutil.copytree(written, tmp_path / "results")


def opened(page: str, **link: str) -> AppTest:
    """A page by its link, the way that a browser has it: the query stays while the page changes."""
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    for key, value in link.items():
        app.query_params[key] = value
    app.run()
    app.switch_page(page).run()
    assert not app.exception
    return app


def shown_text(app: AppTest) -> str:
    waiting = [one.proto.text for one in app.get("progress")]
    return "\n".join(
        [*(one.value for one in (*app.markdown, *app.caption, *app.info, *app.success, *app.error)), *waiting]
    )


def test_list_shows_every_lesson_and_the_progress() -> None:
    app = opened("lessons.py", done="head3.flips1")
    for lesson in LESSONS.values():
        assert lesson.title in shown_text(app)
    assert app.button(key="open-head").label == "Review"
    assert app.button(key="open-flips").label == "Continue"
    assert app.button(key="open-defend").label == "Start"
    app = rerun(app.button(key="open-flips").click())
    assert app.title[0].value == "Label flips, the baseline"
    assert query(app) == {
        **_state.to_query(_state.from_spec(LESSONS["flips"].steps[1].spec)),
        **{"lesson": "flips", "step": "2", "done": "head3.flips1"},
    }


def test_result_is_hidden_until_predicted_then_judged() -> None:
    app = opened("lessons.py", lesson="head")
    assert "The result is hidden until you predict" in shown_text(app)
    assert {metric.value for metric in app.metric} == {"?"}
    assert not app.get("plotly_chart")
    assert app.button(key="next").disabled
    assert app.button(key="predict").disabled
    app = rerun(app.number_input(key="answer-head-0").set_value(20.0))
    app = rerun(app.button(key="predict").click())
    assert "The head falls from 80.0 % to 60.0 %, by 20.0 points" in app.success[0].value
    assert query(app) == {"attack": "ft-matching", "lesson": "head", "answers": "20", "done": "head1"}
    assert not app.button(key="next").disabled
    assert app.get("plotly_chart")


def test_wrong_prediction_is_told_the_result() -> None:
    app = opened("lessons.py", lesson="head", answers="1.5")
    assert "by 20.0 points" in app.info[0].value
    assert not app.success
    assert query(app)["done"] == "head1"


def test_run_it_asks_for_the_run_and_the_one_beside(engine: IdleEngine) -> None:
    app = opened("lessons.py", lesson="head", step="2", done="head1")
    assert app.button(key="run-step").disabled
    app = rerun(app.radio(key="answer-head-1").set_value(1))
    app = rerun(app.button(key="predict").click())
    rerun(app.button(key="run-step").click())
    step = LESSONS["head"].steps[1]
    assert step.beside_spec is not None
    # The run beside is the first step of the second lesson, which is stored.
    assert engine.asked == [step.spec.hash]


def test_step_that_asks_for_a_change_waits_for_it() -> None:
    app = opened("lessons.py", lesson="flips", step="2", answers="~1", done="flips1")
    assert app.button(key="run-step").disabled
    assert "First move the budget to 30 % or more" in shown_text(app)
    app = rerun(app.slider(key="ask-budget").set_value(30.0))
    assert not app.button(key="run-step").disabled
    assert query(app)["budget"] == "30"
    assert query(app)["answers"] == "~1"


def test_the_control_that_a_step_asks_for_is_in_the_step() -> None:
    app = opened("lessons.py", lesson="flips", step="2", done="flips1")
    assert not [slider for slider in app.slider if str(slider.key).startswith("knob-")]  # predict first
    app = opened("lessons.py", lesson="flips", step="2", answers="~1", done="flips1")
    app = rerun(app.slider(key="knob-budget-flips-1").set_value(30.0))
    assert app.slider(key="ask-budget").value == app.slider(key="knob-budget-flips-1").value == 30.0
    assert query(app)["budget"] == "30"
    assert not app.button(key="run-step").disabled
    app = rerun(app.slider(key="ask-budget").set_value(5.0))  # the sidebar's own moves the step's
    assert app.slider(key="knob-budget-flips-1").value == 5.0


@pytest.mark.parametrize(("lesson", "number", "widget"), [("head", 3, "ridge"), ("classes", 3, "seed")])
def test_numbers_are_in_the_step_too(lesson: str, number: int, widget: str) -> None:
    step = LESSONS[lesson].steps[number - 1]
    assert [change.field for change in step.changes] == [widget]
    app = opened(
        "lessons.py", lesson=lesson, step=str(number), answers=f"{'~' * (number - 1)}0", done=f"{lesson}{number - 1}"
    )
    app = rerun(app.number_input(key=f"knob-{widget}-{lesson}-{number - 1}").set_value(1))
    assert app.number_input(key=f"ask-{widget}").value == 1


def test_a_locked_control_is_locked_in_the_step() -> None:
    app = opened("lessons.py", lesson="flips", step="2", answers="~1", done="flips1", lock="budget")
    assert app.slider(key="knob-budget-flips-1").disabled
    app = opened("lessons.py", lesson="flips", step="2", answers="~1", done="flips1", hide="budget")
    assert not [slider for slider in app.slider if str(slider.key).startswith("knob-")]


def test_other_settings_are_told_and_undone() -> None:
    app = opened("lessons.py", lesson="flips")
    app = rerun(app.slider(key="ask-budget").set_value(25.0))
    assert "These are not the settings of this step" in app.warning[0].value
    app = rerun(app.button(key="reset").click())
    assert not app.warning
    assert app.session_state.spec == LESSONS["flips"].steps[0].spec


def test_opening_a_view_completes_a_step() -> None:
    app = opened("lessons.py", lesson="flips", step="3", done="flips2")
    assert app.button(key="next").disabled
    app = rerun(app.segmented_control(key="view-flips-2").select("map"))
    assert query(app)["done"] == "flips3"
    app = rerun(app.button(key="next").click())
    assert app.title[0].value == "Lessons"


def test_a_defence_is_applied_and_only_then_judged(engine: IdleEngine, tmp_path: Path) -> None:
    step = LESSONS["defend"].steps[0]
    app = opened("lessons.py", lesson="defend")
    assert app.button(key="apply").disabled
    assert "The defence: Loss (10 %)" in shown_text(app)
    app = rerun(app.radio(key="answer-defend-0").set_value(2))
    app = rerun(app.button(key="predict").click())
    assert app.button(key="apply").disabled
    assert "Run the experiment first" in shown_text(app)
    app = rerun(app.button(key="run-step").click())
    assert engine.asked == [step.spec.hash]
    Store(tmp_path / "results", shipped=None).put(separable(drawn_result(step.spec)))
    app = rerun(app)
    assert "Press “Apply it”" in shown_text(app)
    assert not app.success
    assert not app.get("plotly_chart")
    app = rerun(app.button(key="apply").click())
    assert app.button(key="next").disabled  # a worker is at it
    assert "A worker is filtering the training set" in shown_text(app)
    app = rerun(app)
    found = defended.find(step.spec.hash, step.chain)
    assert found is not None
    told = app.success[0].value if found.whole.recall >= 0.8 else app.info[0].value
    assert (
        f"It detects {100 * found.whole.recall:.1f} % of the 40; clean images removed: {found.whole.clean_lost}."
        in told
    )
    assert f"{found.whole.poison_removed} of 40" in {metric.value for metric in app.metric}
    assert "Already applied" in shown_text(app)
    assert query(app)["done"] == "defend1"
    assert not app.button(key="next").disabled


def test_a_person_chooses_defences_until_enough_comes_back(tmp_path: Path) -> None:
    step = LESSONS["defend"].steps[4]
    Store(tmp_path / "results", shipped=None).put(separable(drawn_result(step.spec, clean=1, poisoned=0.99)))
    app = opened("lessons.py", lesson="defend", step="5", done="defend4")
    assert app.button_group(key="with-defend-4").value == ["loss"]
    assert app.select_slider(key="share-defend-4").value == 5
    app = rerun(app.button_group(key="with-defend-4").set_value([]))
    app = rerun(rerun(app.button(key="apply").click()))
    assert "No defence is selected" in shown_text(app)
    assert query(app)["done"] == "defend4"
    app = rerun(app.button_group(key="with-defend-4").set_value(["trim", "sphere"]))
    app = rerun(app.select_slider(key="share-defend-4").set_value(10))
    assert "Press “Apply it”" in shown_text(app)
    app = rerun(rerun(app.button(key="apply").click()))
    assert "| Trimmed head | " in shown_text(app)
    found = defended.find(step.spec.hash, parse_chain(["sphere:share=0.1", "trim:share=0.1"]))
    assert found is not None
    assert found.regained >= 0.5
    assert query(app)["done"] == "defend5"


def test_trouble_with_a_defence_is_told_and_tried_again(engine: IdleEngine, tmp_path: Path) -> None:
    step = LESSONS["defend"].steps[0]
    Store(tmp_path / "results", shipped=None).put(separable(drawn_result(step.spec)))
    engine.error = "The worker process died or was lost; ask again."
    app = rerun(opened("lessons.py", lesson="defend", answers="1").button(key="apply").click())
    assert "died or was lost" in shown_text(app)
    engine.error = None
    app = rerun(rerun(app.button(key="apply-again").click()))
    assert query(app)["done"] == "defend1"


def test_progress_is_kept_across_pages_and_forgotten_on_demand() -> None:
    app = opened("lessons.py", lesson="head", answers="5")
    app.switch_page("lab.py").run()
    assert query(app) == {"attack": "ft-matching", "lesson": "head", "answers": "5", "done": "head1"}
    app.switch_page("lessons.py").run()
    app = rerun(app.button(key="restart").click())
    assert query(app) == {"attack": "ft-matching", "lesson": "head"}
    assert "hidden until you predict" in shown_text(app)


def test_bad_link_to_a_lesson_is_told() -> None:
    app = opened("lessons.py", lesson="magic", done="head9")
    assert app.title[0].value == "Lessons"
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.query_params["lesson"] = "magic"
    app.run()
    assert "There is no lesson `magic`" in app.error[0].value


def test_locked_controls_stay_as_the_link_says() -> None:
    app = opened("lab.py", data="mnist", attack="label-flip", lock="data,budget", hide="extractor,seed", seed="3")
    keys = {element.key for element in (*app.selectbox, *app.number_input)}
    assert app.selectbox(key="ask-data").disabled
    assert app.slider(key="ask-budget").disabled
    assert not app.selectbox(key="ask-attack").disabled
    assert not {"ask-extractor", "ask-seed"} & keys
    app = rerun(app.selectbox(key="ask-attack").select("noise"))
    assert (app.session_state.spec.data, app.session_state.spec.seed) == ("mnist", 3)
    app.switch_page("extractors.py").run()
    assert app.selectbox(key="ask-data").disabled
    assert app.button(key="use").disabled
    assert query(app) == {
        **{"data": "mnist", "attack": "noise", "seed": "3"},
        **{"lock": "data,budget", "hide": "extractor,seed"},
    }


def test_locked_control_comes_back_when_it_is_possible_again() -> None:
    app = opened("lab.py", constraint="perturbation", lock="constraint")
    app = rerun(app.selectbox(key="ask-attack").select("gc-feature"))
    assert app.session_state.spec.constraint == "valid"
    app = rerun(app.selectbox(key="ask-attack").select("noise"))
    assert app.session_state.spec.constraint == "perturbation"


def test_lock_of_an_unknown_control_is_told_in_one_sentence() -> None:
    locks, problems = _state.locks_from_query({"lock": "colour,data", "hide": "seed"})
    assert locks == Locks(("data",), ("seed",))
    assert len(problems) == 1
    assert problems[0].startswith("`lock` names `colour`, which is no control. Known: data, ")
    app = AppTest.from_file(str(ROOT / "pages" / "shell.py"), default_timeout=60)
    app.query_params["lock"] = "colour,data"
    app.run()
    assert "`colour`" in app.error[0].value
    assert query(app) == {"attack": "ft-matching", "lock": "data"}


def test_teacher_sees_everything_and_spoils_nothing_at_once() -> None:
    app = opened("teach.py")
    assert list(app.dataframe[0].value["Minutes"]) == [lesson.minutes for lesson in LESSONS.values()]
    assert "Expected answers" not in shown_text(app)
    app = rerun(app.toggle(key="answers-head").set_value(True))
    assert LESSONS["head"].teacher.answers[0] in shown_text(app)
    assert "Step 1: The head falls from 80.0 % to 60.0 %" in shown_text(app)
    assert "Step 2: not computed yet." in shown_text(app)


def test_teacher_is_told_where_a_defence_was_not_applied(tmp_path: Path) -> None:
    step, store = LESSONS["defend"].steps[0], Store(tmp_path / "results", shipped=None)
    store.put(separable(drawn_result(step.spec)))
    app = rerun(opened("teach.py").toggle(key="answers-defend").set_value(True))
    assert "Step 1: computed, but the defence has not been applied yet." in shown_text(app)
    defended.judge(str(store.root), step.spec.hash, step.defend)
    app = rerun(app)
    assert "Step 1: It detects " in shown_text(app)


def test_teacher_computes_what_is_missing(engine: IdleEngine) -> None:
    app = rerun(opened("teach.py").button(key="prepare").click())
    assert not app.exception
    assert len(engine.asked) == len(set(engine.asked)) > 5
    assert FIRST.spec.hash not in engine.asked


def link_of(app: AppTest) -> tuple[str, dict[str, str]]:
    parts = urlsplit(app.code[0].value)
    return parts.path, {key: value[0] for key, value in parse_qs(parts.query).items()}


def test_link_maker() -> None:
    app = opened("teach.py", budget="7")
    assert link_of(app) == ("/lab", {"attack": "ft-matching", "budget": "7"})
    app = rerun(app.multiselect(key="link-lock").select("data").select("budget"))
    app = rerun(app.multiselect(key="link-hide").select("budget"))
    assert link_of(app) == ("/lab", {"attack": "ft-matching", "budget": "7", "lock": "data", "hide": "budget"})
    app = rerun(app.selectbox(key="link-preset").select("flips-0"))
    step = _state.to_query(_state.from_spec(LESSONS["flips"].steps[0].spec))
    assert link_of(app) == ("/lab", {**step, "lock": "data", "hide": "budget"})
    app = rerun(app.selectbox(key="link-target").select("map"))
    assert link_of(app) == ("/lessons", {"lesson": "map", "lock": "data", "hide": "budget", "defaults": str(CURRENT)})
