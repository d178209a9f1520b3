"""Lessons: read, predict, run, compare; a step is complete once it has been done."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import cost
from core.presentation.facts import Fact
from core.presentation.lessons import Answered, Applied, Condition, Lesson, Question, Ran, Step
from core.spec.experiment import ExperimentSpec
from core.storage import defended
from core.storage.runs import StoredRun
from core.system.errors import LessonError, StoreError
from pages import _cards, _defences, _progress, _running, _runs, _sidebar
from pages._words import plain

INTRODUCTION = (
    "Each step asks for your prediction first, then shows what really happens: an experiment that runs here, in "
    "seconds. Your progress stands in the address of this page: a reload or a copied link keeps it."
)
DEPTH_WORDS = {"overview": "Overview", "detail": "Detail", "formula": "Formula"}
VIEW_WORDS = {
    "accuracy": "Accuracy",
    "defence": "Defence",
    "images": "Images",
    "map": "Map",
    "reach": "Reach",
    "curve": "Step by step",
}
MANY = 4  # more answers than this stand side by side
CARDS_IN_A_ROW = 2
NUMBERS_IN_A_ROW = 3


def lesson_card(lesson: Lesson, is_next: bool) -> None:
    """One lesson in the list; the next one to do stands out."""
    progress = st.session_state.progress
    done, total = progress.done.get(lesson.id, 0), len(lesson.steps)
    with st.container(border=True, height="stretch"):
        st.markdown(f"##### {lesson.title}")
        st.markdown(lesson.about)
        with st.container(height="stretch", vertical_alignment="bottom"):
            state = "All steps done" if done == total else f"{done} of {total} steps done"
            st.progress(done / total, text=f"{state} · {lesson.minutes} min")
            st.button(
                "Start" if done == 0 else "Look again" if done == total else "Go on",
                key=f"open-{lesson.id}",
                type="primary" if is_next else "secondary",
                icon=":material/check:" if done == total else ":material/play_arrow:",
                help="Opens the lesson and sets the controls in the sidebar as its step wants them.",
                on_click=_sidebar.open_step,
                args=(lesson.id, 0 if done == total else done),
                width="stretch",
            )


def lesson_list(lessons: tuple[Lesson, ...]) -> None:
    """All lessons, in order, with how far the person is."""
    st.title("Lessons")
    st.markdown(INTRODUCTION)
    done = st.session_state.progress.done
    coming = next((one for one in lessons if done.get(one.id, 0) < len(one.steps)), None)
    for start in range(0, len(lessons), CARDS_IN_A_ROW):
        row = lessons[start : start + CARDS_IN_A_ROW]
        for column, lesson in zip(st.columns(CARDS_IN_A_ROW), row, strict=False):
            with column:
                lesson_card(lesson, is_next=lesson is coming)


def close() -> None:
    """Back to the list."""
    st.session_state.progress = st.session_state.progress.opened("")


def restart() -> None:
    """Forget the predictions and the progress of the open lesson."""
    progress = st.session_state.progress.restarted()
    st.session_state.progress = progress
    _sidebar.open_step(progress.lesson, 0)


def predict(question: Question, key: str) -> None:
    """Note the prediction that stands in a widget."""
    value = st.session_state[key]
    answer = f"{value:g}" if question.guess is not None else str(value)
    st.session_state.progress = st.session_state.progress.answered(answer)


def head(lesson: Lesson, number: int) -> None:
    """Title, place in the lesson, and the ways out."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("All lessons", key="close", icon=":material/arrow_back:", on_click=close, help="Progress is kept.")
        st.button(
            "Start over",
            key="restart",
            icon=":material/restart_alt:",
            on_click=restart,
            help="Forgets your predictions and progress in this lesson.",
        )
    st.title(lesson.title)
    depth = lesson.steps[number].depth
    depths = dict.fromkeys(step.depth for step in lesson.steps)
    path = " → ".join(f"**{DEPTH_WORDS[name]}**" if name == depth else DEPTH_WORDS[name] for name in depths)
    st.progress((number + 1) / len(lesson.steps), text=f"Step {number + 1} of {len(lesson.steps)} · {path}")


def ask(question: Question, spec: ExperimentSpec, key: str) -> None:
    """The question, before the result may be seen."""
    if question.guess is not None:
        guess = question.guess
        value = st.number_input(
            question.ask,
            guess.low,
            guess.high,
            value=None,
            step=guess.step,
            key=key,
            placeholder=f"{guess.low:g} to {guess.high:g} {guess.unit}",
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
            help="Choose what you expect; nothing depends on being right.",
        )
    st.button(
        "That's my prediction",
        key="predict",
        type="primary",
        icon=":material/psychology:",
        disabled=value is None,
        help="The result can be seen afterwards.",
        on_click=predict,
        args=(question, key),
    )


def verdict(question: Question, answer: str, facts: dict[str, Fact] | None, spec: ExperimentSpec) -> None:
    """The prediction beside what the run has found."""
    given = f"{answer} {question.guess.unit}" if question.guess else plain(question.answers(spec)[int(answer)])
    st.markdown(f"**{question.ask}**")
    st.markdown(f":material/psychology: You predicted: **{given}**")
    if facts is None:
        return
    if question.is_right(answer, facts, spec):
        st.success(question.told(facts), title="As you predicted", icon=":material/check_circle:")
    else:
        right = plain(question.right(facts))
        unit = f" {question.guess.unit}" if question.guess else ""
        st.info(question.told(facts), title=f"It came out differently: {right}{unit}", icon=":material/lightbulb:")
    st.markdown(question.why)


def task_words(one: Condition) -> str:
    """What is to be done, in a line."""
    if isinstance(one, Answered):
        return "Predict"
    if isinstance(one, Applied):
        return "Apply the defence and read what it does"
    return "Run it and read the result" if isinstance(one, Ran) else one.tell[:1].upper() + one.tell[1:]


def tasks(step: Step, met: tuple[bool, ...]) -> None:
    """What completes the step, with what is done already."""
    icons = {True: ":material/check_circle:", False: ":material/radio_button_unchecked:"}
    st.markdown("  \n".join(f"{icons[ok]} {task_words(one)}" for one, ok in zip(step.done, met, strict=True)))


def run_row(missing: list[ExperimentSpec], obstacle: str, in_flight: bool) -> None:
    """The button that computes what the step needs and, beside it, what pressing it means."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run it",
            key="run-step",
            type="primary",
            icon=":material/play_arrow:",
            disabled=bool(obstacle) or in_flight or not missing,
            help="Computes the experiment of the sidebar on this machine.",
            on_click=_running.submit_all,
            args=(missing,),
        )
        if obstacle:
            st.markdown(obstacle, width="stretch")
        elif in_flight:
            st.markdown("Running.", width="stretch")
        elif missing:
            expected = _runs.seconds_words(sum(map(cost.total, missing)))
            st.markdown(f"Takes about **{expected}** on this machine.", width="stretch")
        else:
            st.markdown("Already computed: the result is shown.", width="stretch")


def navigation(lesson: Lesson, number: int) -> None:
    """To the step before and, once this one is complete, to the next."""
    is_done = st.session_state.progress.done.get(lesson.id, 0) > number
    is_last = number + 1 == len(lesson.steps)
    with st.container(horizontal=True):
        if number:
            st.button(
                "Back",
                key="previous",
                icon=":material/arrow_back:",
                help="The step before.",
                on_click=_sidebar.open_step,
                args=(lesson.id, number - 1),
            )
        st.button(
            "Finish" if is_last else "Next step",
            key="next",
            type="primary" if is_done else "secondary",
            icon=":material/done_all:" if is_last else ":material/arrow_forward:",
            disabled=not is_done,
            help="Opens once everything in the list above is done.",
            on_click=close if is_last else partial(_sidebar.open_step, lesson.id, number + 1),
        )


def chosen_chain(step: Step, place: str) -> tuple[Any, ...]:
    """The defences of a step: its own, or those that the person has chosen, which begin with its own."""
    if not step.chooses:
        return step.chain
    state = st.session_state
    names = state.setdefault(f"with-{place}", [one.name for one in step.chain])
    return _defences.chain_of(names, state.setdefault(f"share-{place}", _defences.share_of(step.chain)))


def defence_box(
    step: Step, run: StoredRun | None, chain: tuple[Any, ...], *, is_known: bool, obstacle: str, place: str
) -> None:
    """Which defences go over the run, and the button that has a worker apply them.

    Args:
        is_known: whether what comes out is there already.
        obstacle: why they can't be applied yet; "" where they can.
    """
    if step.chooses:
        _defences.pills(widget=f"with-{place}")
        _defences.slider(widget=f"share-{place}")
    else:
        st.markdown(f"**The defence**: {_defences.words(chain)}")
    _defences.about([one.name for one in chain])
    is_waiting = run is not None and not is_known and is_asked(run, chain)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Apply it",
            key="apply",
            type="primary",
            icon=":material/shield:",
            disabled=bool(obstacle) or is_known or is_waiting,
            help="Lets the defence go over the training set, and trains the head on what is left.",
            on_click=apply,
            args=(run, chain),
        )
        if obstacle:
            st.markdown(obstacle, width="stretch")
        elif is_known:
            st.markdown("Already applied: what it does is shown.", width="stretch")
    if is_waiting and run is not None:
        st.fragment(applying, run_every=_defences.WAIT_SECONDS)(run, chain)


def apply(run: StoredRun, chain: tuple[Any, ...]) -> None:
    """Note that the person has asked for these defences; for callbacks."""
    st.session_state.applying = defended.key(run.hash, chain)


def is_asked(run: StoredRun, chain: tuple[Any, ...]) -> bool:
    """Whether the person has asked for these defences last."""
    return bool(st.session_state.get("applying") == defended.key(run.hash, chain))


def applying(run: StoredRun, chain: tuple[Any, ...]) -> None:
    """What is waited for; drawn again and again until a worker has applied the defences."""
    if defended.find(run.hash, chain) is not None:
        st.rerun()
    problem = _defences.ask(run, chain)
    if problem:
        _defences.trouble(problem, widget="apply-again")
    else:
        st.info(_defences.wait_words(run), icon=":material/hourglass_top:")


def defence_card(run: StoredRun, chain: tuple[Any, ...], found: Mapping[str, Any] | None) -> None:
    """What the defences have come to."""
    if found is None:
        first = "Being applied" if is_asked(run, chain) else "Press “Apply it”"
        st.info(f"{first}: what the defence does is shown here.", icon=":material/shield:")
        return
    _defences.verdict(found)
    st.page_link(
        "defend.py",
        label="Which images it finds, and which it misses",
        icon=":material/shield:",
        query_params=_defences.query(run, chain),
        help="Opens this run with this defence on the page Defend.",
    )


def view_card(run: StoredRun, step: Step, chain: tuple[Any, ...], found: Mapping[str, Any] | None, place: str) -> None:
    """One part of the result; the person chooses which."""
    there = {"reach": bool(run.result["threshold"]), "defence": bool(step.defend)}
    views = [name for name in VIEW_WORDS if there.get(name, True)]
    chosen = st.segmented_control(
        "Part of the result",
        views,
        format_func=VIEW_WORDS.get,
        default=step.focus if step.focus in views else "accuracy",
        required=True,
        key=f"view-{place}",
        help="Which part of the result to look at.",
        on_change=open_view,
        args=(place,),
    )
    with st.container(border=True):
        match chosen:
            case "defence":
                defence_card(run, chain, found)
            case "images":
                _cards.images_card(run, _runs.view(run.hash))
            case "map":
                _cards.map_card(run, _runs.view(run.hash))
            case "reach":
                _cards.reach_card(run)
            case "curve":
                _cards.curve_card(run)
            case _:
                _cards.accuracy_card(run)


def open_view(place: str) -> None:
    """Note which part of the result was opened in a step."""
    st.session_state.opened.add((place, st.session_state[f"view-{place}"]))


def result_panel(
    step: Step,
    run: StoredRun | None,
    beside: StoredRun | None,
    chain: tuple[Any, ...],
    found: Mapping[str, Any] | None,
    *,
    hidden: bool,
    obstacle: str,
    place: str,
) -> None:
    """The result, or why there is none to be seen."""
    if hidden:
        with st.container(border=True):
            st.markdown("**The result is hidden until you predict**")
            with st.container(horizontal=True):
                for label in ("Clean", "Poisoned", "Drop"):
                    st.metric(label, "?", help="Shown once you have predicted.", border=True, width="stretch")
            st.caption(f"The experiment: {_runs.words(step.spec)}")
            if step.beside_spec is not None:
                st.caption(f"Beside it: {_runs.words(step.beside_spec)}")
            if step.defend:
                st.caption(f"The defence: {_defences.words(chain)}")
        return
    if run is None or (step.beside_spec is not None and beside is None):
        first = f"{obstacle}, then press “Run it”" if obstacle else "Press “Run it”"
        st.info(f"{first}: the result is shown here.", icon=":material/science:")
        return
    st.caption(f"The run: {_runs.words(run.spec)}")
    _cards.numbers(run.result, with_dashes=False, in_a_row=NUMBERS_IN_A_ROW)
    if beside is not None:
        st.caption(f"Beside it: {_runs.words(beside.spec)}")
        _cards.numbers(beside.result, with_dashes=False, in_a_row=NUMBERS_IN_A_ROW)
    view_card(run, step, chain, found, place)


def obstacle_words(step: Step, spec: ExperimentSpec | None, is_hidden: bool) -> str:
    """Why nothing can be run yet; "" where it can."""
    if spec is None:
        return "Choose settings that can be run; see the message above"
    if is_hidden:
        return "Predict first"
    unmet = [one.tell for one in step.changes if not one.holds(spec)]
    return f"In the sidebar: {unmet[0]}" if unmet else ""


def step_page(lesson: Lesson, number: int) -> None:
    """One step, whole."""
    state = st.session_state
    step, place = lesson.steps[number], f"{lesson.id}-{number}"
    spec: ExperimentSpec | None = state.spec
    answer = state.progress.answers.get(number)
    is_hidden = step.question is not None and answer is None
    run = None if spec is None else _runs.find(spec.hash)
    wanted = [one for one in (spec, step.beside_spec) if one is not None]
    beside = None if step.beside_spec is None else _runs.find(step.beside_spec.hash)
    is_whole = run is not None and (step.beside_spec is None or beside is not None)
    chain = chosen_chain(step, place)
    found = defended.find(run.hash, chain) if run is not None and step.defend else None
    facts = _runs.facts(run, beside, found) if run is not None and is_whole else None
    opened = [view for where, view in state.opened if where == place]
    met = step.met(spec, facts, answered=answer is not None, opened=opened)
    if all(met) and state.progress.done.get(lesson.id, 0) <= number:
        _sidebar.set_progress(state.progress.completed())

    obstacle = obstacle_words(step, spec, is_hidden)

    head(lesson, number)
    left, right = st.columns([1, 1.25], gap="large")
    with left:
        st.subheader(step.title)
        st.markdown(step.text)
        if step.question is not None and spec is not None:
            with st.container(border=True):
                if answer is None:
                    ask(step.question, spec, f"answer-{place}")
                else:
                    is_there = step.accepts(spec) and (found is not None or not step.asks_of_defences)
                    shown = facts if is_there else None
                    verdict(step.question, answer, shown, spec)
        if spec is not None and not step.is_free and not step.accepts(spec):
            st.warning("The sidebar holds other settings than this step's.", icon=":material/tune:")
            st.button(
                "Back to the step's settings",
                key="reset",
                icon=":material/undo:",
                help="Sets all controls as the step wants them.",
                on_click=_sidebar.open_step,
                args=(lesson.id, number),
            )
        card = st.container()
        if step.defend:
            first = obstacle or ("" if run is not None else "Run the experiment first")
            with st.container(border=True):
                defence_box(step, run, chain, is_known=found is not None, obstacle=first, place=place)
        tasks(step, met)
        navigation(lesson, number)
    with right:
        result_panel(step, run, beside, chain, found, hidden=is_hidden, obstacle=obstacle, place=place)
    # Last, because it may wait for the engine in the first seconds of a server.
    missing = [one for one in wanted if _runs.find(one.hash) is None]
    with card:
        _running.show(wanted, partial(run_row, missing, obstacle))


st.session_state.setdefault("opened", set())
try:
    here = _progress.open_step(st.session_state.progress, _runs.lessons())
    if here is None:
        lesson_list(_runs.lessons())
    else:
        step_page(here[0], st.session_state.progress.step)
except LessonError as error:
    st.error(str(error), title="The lessons can't be read", icon=":material/broken_image:")
except StoreError as error:
    st.error(str(error), title="The result of this step can't be shown", icon=":material/broken_image:")
