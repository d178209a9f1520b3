"""A step's question, asked before the result is shown, and the prediction compared with the result."""

import streamlit as st

from core.presentation.facts import Fact
from core.presentation.lessons import Question
from core.spec.experiment import ExperimentSpec
from core.system.numbers import digits
from pages import _class, _class_tally
from pages._words import plain

MANY = 4  # more answers than this stand side by side


def predict(question: Question, key: str) -> None:
    """Record the prediction entered in a widget."""
    value = st.session_state[key]
    answer = f"{value:g}" if question.guess is not None else str(value)
    progress = st.session_state.progress
    _class.note_prediction(progress.lesson, progress.step, answer)
    st.session_state.progress = progress.answered(answer)


def ask(question: Question, spec: ExperimentSpec, key: str) -> None:
    """The question, before the result is shown."""
    if question.guess is not None:
        guess = question.guess
        value = st.number_input(
            question.ask,
            guess.low,
            guess.high,
            value=None,
            step=guess.step,
            key=key,
            placeholder=f"{digits(guess.low)} to {digits(guess.high)} {guess.unit}",
            help="Your guess; it need not be exact.",
        )
    else:
        answers = question.answers(spec)
        value = st.radio(
            question.ask,
            range(len(answers)),
            format_func=lambda place: plain(answers[place]),
            index=None,
            key=key,
            horizontal=len(answers) > MANY,
            help="Choose what you expect; wrong answers have no consequences.",
        )
    st.button(
        "Submit prediction",
        key="predict",
        type="primary",
        icon=":material/psychology:",
        disabled=value is None,
        help="The result is shown afterwards.",
        on_click=predict,
        args=(question, key),
    )


def verdict(question: Question, answer: str, facts: dict[str, Fact] | None, spec: ExperimentSpec) -> None:
    """The prediction beside the result of the run."""
    given = f"{answer} {question.guess.unit}" if question.guess else plain(question.answers(spec)[int(answer)])
    st.markdown(f"**{question.ask}**")
    with st.container(key="verdict"):  # said to screen readers, see `_scripts`
        said, result = st.columns([1, 1.6], vertical_alignment="center")
        said.markdown(f":material/psychology: You predicted: **{given}**")
        if facts is None:
            result.markdown(":material/hourglass_empty: The result: **not there yet**")
        elif question.is_right(answer, facts, spec):
            result.success(question.result_text(facts), title="As you predicted", icon=":material/check_circle:")
        else:
            right = plain(question.right(facts)) + (f" {question.guess.unit}" if question.guess else "")
            words = f"The result is different: {right}"
            result.info(question.result_text(facts), title=words, icon=":material/lightbulb:")
    if facts is not None:
        st.markdown(question.why)
    _class_tally.show_tally()
