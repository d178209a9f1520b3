"""Lessons: what ships loads and can be done; what is broken is named in one sentence."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.catalog.choices import resolve
from core.defences.registry import RECORDS as DEFENCES
from core.defences.verdict import DefenceStep, DefenceVerdict
from core.experiments.run import run
from core.heads.scores import Score
from core.presentation.facts import OF_PLAY, Fact, facts, played
from core.presentation.lessons import (
    DEPTHS,
    Applied,
    Changed,
    Lesson,
    LessonStep,
    Opened,
    Played,
    Ran,
    Reached,
    Regained,
    load,
)
from core.spec.experiment import ExperimentSpec
from core.storage import defended
from core.storage.runs import Store, StoredRun
from core.system import paths
from core.system.errors import LessonError
from pages import _defences, _progress, _state
from pages._progress import Progress
from tests.drawn import drawn_result

LESSONS = load()
STEPS = [pytest.param(step, id=f"{lesson.id}-{i}") for lesson in LESSONS for i, step in enumerate(lesson.steps, 1)]
RUN_STEPS = [param for param in STEPS if param.values[0].play is None]
"""Steps with an experiment."""
QUESTION = {
    "ask": "How much?",
    "fact": "drop",
    "options": [{"answer": "little", "below": 1}, {"answer": "much", "at_least": 1}],
    "result": "{drop} points",
    "why": "So.",
}
STEP = {"title": "One", "depth": "overview", "text": "Read.", "question": QUESTION, "done": [{"when": "answered"}]}
LESSON = {
    "id": "tiny",
    "title": "Tiny",
    "about": "It is small.",
    "minutes": 5,
    "goals": ["Learn."],
    "steps": [STEP],
    "teacher": {"timing": "5", "answers": ["little"], "misconceptions": [{"says": "a", "reply": "b"}]},
}


def tiny(**step: Any) -> Lesson:
    return Lesson.model_validate({**LESSON, "steps": [{**STEP, **step}]})


def changed_spec(step: LessonStep) -> ExperimentSpec:
    """The step's settings, with what it asks to change changed."""
    spec = step.spec
    for one in step.changes:
        value: Any = one.one_of[0] if one.one_of else one.at_least if one.at_least is not None else one.at_most
        spec = spec.model_copy(update={one.field: type(getattr(spec, one.field))(value)})
    return resolve(spec)


def test_at_least_eight_ship_in_order() -> None:
    assert len(LESSONS) >= 8
    assert len({lesson.id for lesson in LESSONS}) == len(LESSONS)
    assert [lesson.title for lesson in LESSONS[:2]] == ["Poison by hand", "What a linear head sees"]
    assert [lesson.title for lesson in LESSONS[-6:]] == [
        "Why unlearnable examples fail on a frozen extractor",
        "Choosing a defence",
        "Attack and defence in turns",
        "Why the test stays hidden",
        "Nothing needs to be mislabelled",
        "What an attacker has to know",
    ]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_every_lesson_goes_deep_and_asks(lesson: Lesson) -> None:
    assert list(dict.fromkeys(step.depth for step in lesson.steps)) == list(DEPTHS)
    assert lesson.steps[0].question is not None


@pytest.mark.parametrize("step", STEPS)
def test_the_sidebar_can_express_every_preset(step: LessonStep) -> None:
    for spec in filter(None, (step.spec, step.beside_spec, changed_spec(step))):
        assert _state.to_spec(_state.from_spec(spec)) == spec


@pytest.mark.parametrize("step", [param for param in STEPS if param.values[0].defend])
def test_the_page_of_defences_can_be_linked_to_every_chain(step: LessonStep) -> None:
    names = [one.name for one in step.chain]
    share = _defences.share_of(step.chain)
    assert share in _defences.SHARES
    assert _defences.chain_of(names, share) == step.chain


@pytest.mark.parametrize("step", STEPS)
def test_formulas_stand_on_lines_of_their_own(step: LessonStep) -> None:
    """Streamlit shows another form, over several lines, as an error in red."""
    fences = [line for line in step.text.splitlines() if "$$" in line]
    assert set(fences) <= {"$$"}
    assert len(fences) % 2 == 0


@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_not_done_before_anything_was_done(step: LessonStep) -> None:
    assert not all(step.met(step.spec, None, answered=False, opened=()))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, StoredRun]]:
    """Results by hash: those that ship as they are, others computed on first use."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_HOME", str(tmp_path_factory.mktemp("home")))
        yield {}


def result_of(spec: ExperimentSpec, runs: dict[str, StoredRun]) -> StoredRun:
    """The result of an experiment, with fewer steps on the pixels where it does not ship: its facts are what counts."""
    if spec.hash not in runs:
        store = Store(paths.results(), paths.GALLERY)
        shipped = store.get(spec.hash)
        if shipped is None:
            few = {"steps": 2} if spec.attack.name == "ue-input" else {"match_steps": 2, "finish_steps": 2}
            attack = spec.attack.model_copy(update={k: v for k, v in few.items() if hasattr(spec.attack, k)})
            shipped = store.put(run(spec.model_copy(update={"attack": attack}), device="cpu"))
        runs[spec.hash] = shipped
    return runs[spec.hash]


def defended_by(step: LessonStep, stored: StoredRun) -> DefenceVerdict | None:
    """What the step's defences come to; where the person chooses, the best of every defence by itself."""
    if not step.defend:
        return None
    chains = [_defences.chain_of([name], 10) for name in DEFENCES] if step.chooses else [step.chain]
    return max((defended.judge_run(stored, chain) for chain in chains), key=lambda verdict: verdict.regained)


@pytest.mark.slow
@pytest.mark.parametrize("step", RUN_STEPS)
def test_every_step_can_be_completed_and_every_question_judged(step: LessonStep, runs: dict[str, StoredRun]) -> None:
    spec = changed_spec(step)
    for one in step.done:
        if isinstance(one, Reached):  # with settings of one's own
            spec = resolve(spec.model_copy(update={"constraint": "none"}))
    stored = result_of(spec, runs)
    summary = stored.summary
    beside = None if step.beside_spec is None else result_of(step.beside_spec, runs).summary
    result = facts(summary, stored.plot(), beside, defended_by(step, stored))
    opened = [one.view for one in step.done if isinstance(one, Opened)]
    assert all(step.met(spec, result, answered=True, opened=opened))
    if "reach" in opened or step.focus == "reach":
        assert summary.threshold is not None
    if step.question is not None:
        answers = [str(i) for i, _ in enumerate(step.question.answers(spec))]
        if step.question.guess is not None:
            fact = result[step.question.fact]
            assert isinstance(fact, float)
            assert step.question.guess.low <= fact <= step.question.guess.high
            answers = [f"{fact:g}"]
        assert any(step.question.is_right(answer, result, spec) for answer in answers)
        assert "—" not in step.question.result_text(result)


def test_conditions() -> None:
    done = [
        {"when": "ran"},
        {"when": "changed", "field": "budget", "at_least": 0.1, "instruction": "more"},
        {"when": "reached", "drop": 15, "instruction": "harm"},
        {"when": "opened", "view": "map", "instruction": "open"},
    ]
    step = tiny(done=done).steps[0]
    assert [type(one) for one in step.done] == [Ran, Changed, Reached, Opened]
    spec = step.spec
    result = facts(drawn_result(spec).summary(), drawn_result(spec).plot)
    more = spec.model_copy(update={"budget": 0.1})
    assert step.met(spec, result, answered=False, opened=["map"]) == (False, False, False, False)
    assert step.met(spec, result, answered=True, opened=[]) == (False, False, True, False)
    assert step.met(more, None, answered=True, opened=["map"]) == (False, True, False, False)
    assert step.met(more, result, answered=True, opened=["map"]) == (True, True, True, True)
    assert step.met(None, None, answered=True, opened=[]) == (False, False, False, False)


def test_poison_that_was_placed_completes_a_step() -> None:
    done = [{"when": "answered"}, {"when": "played"}, {"when": "reached", "drop": 2, "instruction": "harm"}]
    step = tiny(done=done, play={"data": "blobs"}).steps[0]
    assert isinstance(step.done[1], Played)
    for poisoned, count, met in (
        (0.9, 0, (True, False, False)),
        (0.89, 2, (True, True, False)),
        (0.88, 1, (True,) * 3),
    ):
        assert step.met(step.spec, played(0.9, poisoned, count, 100), answered=True, opened=()) == met
    assert step.met(step.spec, None, answered=True, opened=()) == (True, False, False)


def test_the_playground_knows_few_facts() -> None:
    known = played(0.945, 0.9, 3, 400)
    assert {name: value for name, value in known.items() if value is not None} == {
        "clean": pytest.approx(94.5),
        "poisoned": pytest.approx(90.0),
        "drop": pytest.approx(4.5),
        "n_poison": 3.0,
        "n_test": 400.0,
    }
    assert known.keys() >= set(OF_PLAY)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"done": [{"when": "played"}]}, "without `play` has no playground"),
        ({"play": {}, "preset": {"attack": "noise"}}, "has no experiment"),
        ({"play": {}, "done": [{"when": "ran"}]}, "can be done when answered, played or reached"),
        ({"play": {}, "question": {**QUESTION, "result": "{noise}"}}, "the playground knows only clean, poisoned"),
    ],
)
def test_a_step_is_played_or_run(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tiny(**changes)


def test_defences_complete_a_step() -> None:
    done = [{"when": "ran"}, {"when": "applied"}, {"when": "regained", "share": 50, "instruction": "half"}]
    question = {**QUESTION, "fact": "found", "result": "{found} % and {regained}"}
    step = tiny(done=done, defend=["loss:share=0.1"], focus="defence", question=question).steps[0]
    assert [type(one) for one in step.done] == [Ran, Applied, Regained]
    assert step.chooses
    assert step.asks_of_defences
    spec, result = step.spec, drawn_result(step.spec, clean=0.8, poisoned=0.6)
    for after, is_half in ((0.699, False), (0.7, True), (0.5, False)):
        actual = facts(result.summary(), result.plot, None, judged_as(after))
        assert step.met(spec, actual, answered=True, opened=[]) == (True, True, is_half)
        assert step.met(spec, actual, answered=False, opened=[]) == (False, False, False)
        other = spec.model_copy(update={"seed": 7})
        assert step.met(other, actual, answered=True, opened=[]) == (False, False, False)
    assert step.met(spec, facts(result.summary(), result.plot), answered=True, opened=[]) == (True, False, False)
    harmless = drawn_result(spec, clean=0.6, poisoned=0.6)
    actual = facts(harmless.summary(), harmless.plot, None, judged_as(0.7))
    assert step.met(spec, actual, answered=True, opened=[]) == (True, True, False)


def judged_as(after: float) -> DefenceVerdict:
    """What a defence comes to that leaves a head of this accuracy, of 0.6 with the poison."""
    clean, poisoned, defended = (Score(accuracy, []) for accuracy in (0.8, 0.6, after))
    whole = DefenceStep("", tuple(range(29)), n_poison=20, n_clean=100, poison_removed=15, auc=None)
    return DefenceVerdict(clean, poisoned, defended, 0.55, (), whole)


def test_predictions_are_judged_by_the_run() -> None:
    step = tiny().steps[0]
    assert step.question is not None
    for poisoned, right in ((0.795, "0"), (0.6, "1")):
        result = drawn_result(step.spec, poisoned=poisoned)
        actual = facts(result.summary(), result.plot)
        assert [step.question.is_right(answer, actual, step.spec) for answer in "01"] == [right == "0", right == "1"]
    guess = {"low": 0, "high": 50, "step": 1, "close": 2, "unit": "points"}
    question = tiny(question={**QUESTION, "options": [], "guess": guess}).steps[0].question
    assert question is not None
    assert [question.is_right(answer, actual, step.spec) for answer in ("17", "18.5", "23")] == [False, True, False]
    assert [question.readable(answer, step.spec) for answer in ("3", "51", "nan", "x")] == [True, False, False, False]
    by_class = tiny(question={**QUESTION, "fact": "worst_class", "options": []}).steps[0].question
    assert by_class is not None
    assert "Shirt" in by_class.answers(step.spec)
    one_worst: dict[str, Fact] = {"worst_class": ("Trouser",)}
    assert [by_class.is_right(answer, one_worst, step.spec) for answer in "012"] == [False, True, False]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "colour: extra inputs are not permitted."),
        ({"minutes": 0}, "minutes: input should be greater than or equal to 1."),
        ({"steps": []}, "steps: tuple should have at least 1 item"),
        ({"steps": [{**STEP, "depth": "formula"}, STEP]}, "must go from overview to detail to formula"),
        ({"steps": [{**STEP, "preset": {"attack": "magic"}}]}, "steps.0.preset: unknown attack 'magic'."),
        ({"steps": [{**STEP, "preset": {"train_size": 3}}]}, "train_size is 3"),
        ({"steps": [{**STEP, "done": [{"when": "asleep"}]}]}, "steps.0.done.0"),
        ({"steps": [{**STEP, "question": None}]}, "can't be done when answered"),
        ({"steps": [{**STEP, "question": {**QUESTION, "fact": "luck"}}]}, "steps.0.question.fact: known are clean,"),
        ({"steps": [{**STEP, "question": {**QUESTION, "result": "{luck}"}}]}, "{luck} is no fact"),
        ({"steps": [{**STEP, "question": {**QUESTION, "result": "{against}"}}]}, "without an experiment beside"),
        ({"steps": [{**STEP, "question": {**QUESTION, "fact": "reach"}}]}, "out of reach, not ruled out"),
        ({"steps": [{**STEP, "defend": ["wall"]}]}, "steps.0.defend: unknown defence 'wall'. "),
        ({"steps": [{**STEP, "defend": ["loss:share=2"]}]}, "steps.0.defend: share of loss is '2'"),
        ({"steps": [{**STEP, "focus": "defence"}]}, "a step without `defend`"),
        ({"steps": [{**STEP, "done": [{"when": "applied"}]}]}, "a step without `defend`"),
        (
            {"steps": [{**STEP, "done": [{"when": "opened", "view": "defence", "instruction": "a"}]}]},
            "a step without `defend`",
        ),
        ({"steps": [{**STEP, "question": {**QUESTION, "fact": "found"}}]}, "without `defend` there is no found"),
        ({"steps": [{**STEP, "question": {**QUESTION, "result": "{random}"}}]}, "without `defend` there is no random"),
        (
            {"steps": [{**STEP, "question": {**QUESTION, "options": [{"answer": "a", "below": 1}]}}]},
            "options must go from low to high",
        ),
    ],
)
def test_a_broken_file_is_named_in_one_sentence(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "01-tiny.yaml").write_text(yaml.safe_dump({**LESSON, **change}))
    with pytest.raises(LessonError) as error:
        load(tmp_path)
    assert str(error.value).startswith("01-tiny.yaml: ")
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"), [("a: [", "line 1 is no YAML"), ("- a", "must hold fields"), ("", "must hold fields")]
)
def test_what_is_no_lesson_is_named(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(LessonError, match=words):
        load(tmp_path)


def test_an_id_is_used_once(tmp_path: Path) -> None:
    for name in ("1.yaml", "2.yaml"):
        (tmp_path / name).write_text(yaml.safe_dump(LESSON))
    with pytest.raises(LessonError, match=r"2.yaml: id is 'tiny'"):
        load(tmp_path)


def test_progress_round_trip() -> None:
    first = LESSONS[1]  # of the first, which is played, no number is asked
    progress = Progress().opened(first.id).answered("3.5").completed().opened(first.id, 1).answered("2")
    query = _progress.to_query(progress)
    assert query == {"lesson": first.id, "step": "2", "answers": "3.5~2", "done": f"{first.id}1"}
    assert _progress.from_query(query, LESSONS) == (progress, [])
    assert progress.opened("").answers == {}
    assert progress.restarted() == Progress(first.id)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"lesson": "magic"}, "There is no lesson `magic`; known: plane, head,"),
        ({"lesson": "head", "step": "9"}, "allowed: 1 to 3"),
        ({"lesson": "head", "step": "3"}, "comes after step 1, which is not done yet"),
        ({"lesson": "head", "answers": "x"}, "`answers` holds `x`"),
        ({"done": "head7.flips2"}, "`done` names `head7`"),
        ({"done": "²"}, "`done` names `²`"),
    ],
)
def test_a_bad_link_to_a_lesson_says_so(query: dict[str, str], words: str) -> None:
    _, problems = _progress.from_query(query, LESSONS)
    assert len(problems) == 1
    assert words in problems[0]
