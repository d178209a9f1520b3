"""A step of a lesson in the playground: predict, then place poison until the step's tasks are done."""

import streamlit as st

from core.presentation.facts import Fact, played
from core.presentation.lessons import Lesson, LessonStep
from pages import _plane, _playground, _sidebar
from pages._lesson_frame import head, navigation, tasks
from pages._lesson_question import ask, verdict


def play_page(lesson: Lesson, number: int) -> None:
    """One step, whole."""
    step, place = lesson.steps[number], f"{lesson.id}-{number}"
    answer = st.session_state.progress.answers.get(number)
    head(lesson, number)
    left, right = st.columns([1.4, 1], gap="large")
    with left:
        st.subheader(step.title)
        st.markdown(step.text)
    if step.question is not None and answer is None:
        with right, st.container(border=True):
            ask(step.question, step.spec, f"answer-{place}")
        st.info("The playground opens once you have predicted.", icon=":material/touch_app:")
        tasks(step, step.met(step.spec, None, answered=False, opened=()))
        navigation(lesson, number)
        return
    # Below what it says of the poison, so that the picture stays where it is while that grows.
    with right:
        said_of_it = st.empty()
    plane_part(lesson, number, said_of_it)


def plane_part(lesson: Lesson, number: int, above: st.delta_generator.DeltaGenerator) -> None:
    """The playground, what its poison means for the prediction, and the tasks.

    Args:
        lesson: the lesson.
        number: of the step, from 0.
        above: where the prediction is judged.
    """
    step, place = lesson.steps[number], f"{lesson.id}-{number}"
    facts = played_facts(step, f"play-{place}")
    met = step.met(step.spec, facts, answered=True, opened=())
    if all(met) and st.session_state.progress.done.get(lesson.id, 0) <= number:
        _sidebar.set_progress(st.session_state.progress.completed())
    answer = st.session_state.progress.answers.get(number)
    if step.question is not None and answer is not None:
        with above, st.container(border=True):
            verdict(step.question, answer, facts, step.spec)
    tasks(step, met)
    navigation(lesson, number)


def played_facts(step: LessonStep, key: str) -> dict[str, Fact] | None:
    """Draw the playground of a step; the facts of its state, None before poison was placed.

    Args:
        step: a step with `play`.
        key: of the element.
    """
    link = step.play or {}
    data, _ = _playground.read_data(link)
    points = _plane.find_plane(data)
    sizes = len(points.classes), len(points.train_y)
    view, locks, _ = _playground.from_query(link, data, *sizes)
    said = _plane.mount(points, view, locks, key=key)
    if said is None:
        return None
    now = _playground.changed(view, said.get("link", {}), locks, *sizes)
    accuracies = _playground.accuracies(said.get("result", {}))
    return None if accuracies is None else played(*accuracies, len(now.poison), len(points.test_y))
