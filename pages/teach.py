"""For teachers: lessons with timing, goals and answers, and links that lock settings for a class."""

from functools import partial

import streamlit as st

from core.experiments import cost
from core.presentation import class_plan
from core.presentation.lessons import Lesson
from core.presentation.lessons.worksheet import worksheet
from core.spec.experiment import ExperimentSpec
from core.storage import defended
from core.storage.runs import StoredRun
from core.system.errors import LessonError, PoisonLabError
from core.system.numbers import about, named
from pages import _pick, _progress, _running, _runs, _sidebar_controls, _state
from pages._progress import Progress
from pages._teach_address import base_address
from pages._teach_locks import GROUPS, group_locks, has_locks, joined, locks_choice
from pages._teach_playground import playground_link

INTRODUCTION = (
    "The minutes are a suggestion for beginners. Predictions are checked against the actual run, so other sizes or "
    "seeds can give other answers than those in the notes."
)
SIDEBAR, LAB, PLAYGROUND = "sidebar", "lab", "playground"
CONTROL_WORDS = {
    "data": "Data",
    "from": "Train on",
    "to": "Test on",
    "extractor": "Extractor",
    "px": "Input size",
    "side": "Side of the images",
    "attack": "Attack",
    "evade": "Defence to evade",
    "budget": "Budget",
    "constraint": "Constraint",
    "delta": "δ",
    "labels": "Poison labels",
    "train": "Training images",
    "test": "Test images",
    "ridge": "Ridge λ",
    "seed": "Seed",
    "knows": "Points that the attacker has",
    "expects": "λ that the attacker expects",
    "standin": "Extractor of the attacker",
}


def overview(lessons: tuple[Lesson, ...]) -> None:
    """A table of the lessons."""
    st.subheader("Lessons at a glance")
    st.dataframe(
        [
            {
                "Lesson": f"{number}. {lesson.title}",
                "Minutes": lesson.minutes,
                "Steps": len(lesson.steps),
                "Goal": lesson.goals[0],
            }
            for number, lesson in enumerate(lessons, start=1)
        ],
        hide_index=True,
        key="lessons-table",
        alt="Every lesson with its minutes, steps and first goal",
        column_config={
            "Lesson": st.column_config.TextColumn(width=330, help="In the order in which they build on each other."),
            "Minutes": st.column_config.NumberColumn(width=80, help="Suggested time."),
            "Steps": st.column_config.NumberColumn(width=70, help="Steps, from overview to formula."),
            "Goal": st.column_config.TextColumn(help="The first goal; all are in the notes."),
        },
    )
    st.caption(f"{len(lessons)} lessons, {sum(lesson.minutes for lesson in lessons)} minutes in all.")


def lesson_experiments(lessons: tuple[Lesson, ...]) -> list[ExperimentSpec]:
    """Every experiment from which a step starts or with which it compares, each once."""
    steps = [step for lesson in lessons for step in lesson.steps if step.play is None]
    specs = {spec.hash: spec for step in steps for spec in (step.spec, step.beside_spec) if spec is not None}
    return list(specs.values())


def prepare_row(missing: list[ExperimentSpec], in_flight: bool) -> None:
    """The button that computes everything before the class comes."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Compute all now",
            key="prepare",
            icon=":material/play_arrow:",
            disabled=not missing or in_flight,
            help="Computes all experiments of the lessons in advance, so that a class need not wait.",
            on_click=_running.submit_all,
            args=(missing,),
        )
        if not missing:
            st.markdown("Every experiment of the lessons is computed on this server.", width="stretch")
        else:
            expected = about(sum(map(cost.total, missing)))
            words = (
                f"**{len(missing)}** {named(len(missing), 'experiment')} of the lessons "
                f"{named(len(missing), 'is', 'are')} not computed yet: **{expected}**."
            )
            st.markdown(words, width="stretch")


def local_results(lesson: Lesson) -> list[str]:
    """The result of each question according to the runs stored on this server."""
    lines = []
    for number, step in enumerate(lesson.steps, start=1):
        if step.question is None or step.is_free or step.play is not None:
            continue
        run = _runs.find(step.spec.hash)
        beside: StoredRun | None = None if step.beside_spec is None else _runs.find(step.beside_spec.hash)
        if run is None or (step.beside_spec is not None and beside is None):
            lines.append(f"Step {number}: not computed yet.")
            continue
        verdict = defended.find(run.hash, step.chain) if step.defend else None
        if step.asks_of_defences and verdict is None:
            lines.append(f"Step {number}: computed, but the defence has not been applied yet.")
        else:
            lines.append(f"Step {number}: {step.question.result_text(_runs.facts(run, beside, verdict))}")
    return lines


def notes(lesson: Lesson, number: int, address: str) -> None:
    """The teacher's notes on one lesson; the answers are behind a toggle.

    Args:
        lesson: the lesson.
        number: in the list, from 1.
        address: of the server, as students reach it.
    """
    with st.expander(f"{number}. {lesson.title} · {lesson.minutes} min"):
        st.markdown("**Goals**\n\n" + "\n".join(f"- {goal}" for goal in lesson.goals))
        st.markdown(f"**Timing**\n\n{lesson.teacher.timing}")
        link = _pick.link("lessons", _progress.to_query(Progress(lesson.id)), address)
        st.download_button(
            "Work sheet to print (HTML)",
            partial(worksheet_file, lesson, link),
            f"poison-lab-{lesson.id}-work-sheet.html",
            "text/html",
            key=f"sheet-{lesson.id}",
            on_click="ignore",
            icon=":material/print:",
            help="What each step asks, with room to write, and the address; no answers. Open it and print it.",
        )
        if st.toggle(
            "Show the answers",
            key=f"answers-{lesson.id}",
            help="The answers spoil the predictions: hide them from the class.",
        ):
            st.markdown("**Expected answers**\n\n" + "\n".join(f"- {answer}" for answer in lesson.teacher.answers))
            if lines := local_results(lesson):
                st.markdown("**On this server**\n\n" + "\n".join(f"- {line}" for line in lines))
            st.markdown(
                "**Likely misconceptions**\n\n"
                + "\n".join(f"- *“{belief.says}”* {belief.reply}" for belief in lesson.teacher.misconceptions)
            )


def link_maker(lessons: tuple[Lesson, ...], address: str) -> None:
    """A link with settings and locks, to hand to a class.

    Args:
        lessons: that there are.
        address: of the server, as students reach it.
    """
    st.subheader("A link for the class")
    st.markdown("The link opens the lab or a lesson with your settings; the controls that you lock can't be changed.")
    targets = {LAB: "The lab", PLAYGROUND: "The playground"} | {
        lesson.id: f"Lesson: {lesson.title}" for lesson in lessons
    }
    presets = {SIDEBAR: "The sidebar, as it is now"} | {
        f"{lesson.id}-{number}": f"{lesson.title}, step {number + 1}"
        for lesson in lessons
        for number, step in enumerate(lesson.steps)
        if step.play is None
    }
    left, right = st.columns(2)
    target = left.selectbox(
        "Opens",
        list(targets),
        format_func=targets.__getitem__,
        key="link-target",
        help="The page that the class sees first.",
    )
    preset = right.selectbox(
        "Settings from",
        list(presets),
        format_func=presets.__getitem__,
        key="link-preset",
        disabled=target != LAB,
        help="The settings in the link; a lesson has its own.",
    )
    if target == PLAYGROUND:
        show_link(playground_link(address))
        return
    locks = group_locks(GROUPS, control_words, key="link")
    with st.expander("Single controls", icon=":material/tune:"):
        single = locks_choice(
            _state.all_keys(),
            control_words,
            key="link",
            locked_help="Shown in the sidebar, but disabled.",
            hidden_help="Not shown in the sidebar; their values come from the link.",
        )
    locks = joined(locks, single)
    values = st.session_state.chosen
    progress = Progress()
    if target != LAB:
        progress = Progress(str(target))
        values = _state.defaults()  # a link to a step that names no setting means the step's own
    elif preset != SIDEBAR:
        lesson_id, number = str(preset).split("-")
        lesson = next(lesson for lesson in lessons if lesson.id == lesson_id)
        values = _state.from_spec(lesson.steps[int(number)].spec)
    query = _state.versioned(_state.to_query(values) | _state.locks_to_query(locks)) | _progress.to_query(progress)
    path = "lab" if target == LAB else "lessons"
    show_link(_pick.link(path, query, address))
    if target != LAB and locks.all:
        st.caption("The steps of a lesson set locked controls, too; the class can't change them.")


def show_link(link: str) -> None:
    """An address to copy or to open."""
    st.code(link, language=None, wrap_lines=True)
    st.link_button("Open it", link, icon=":material/open_in_new:", help="As the class will see it, in a new tab.")


def control_words(key: str) -> str:
    """The sidebar's label of a control."""
    return CONTROL_WORDS.get(key) or _sidebar_controls.parameter_words(key)[0]


def worksheet_file(lesson: Lesson, link: str) -> bytes:
    """The sheet of a lesson; made when the button is pressed."""
    return worksheet(lesson, link).encode()


st.title("For teachers")
if has_locks():
    st.info("This page is not part of the link that you were given.", icon=":material/lock:")
    st.stop()
st.markdown(INTRODUCTION)
try:
    shipped = _runs.lessons()
    overview(shipped)
    experiments = lesson_experiments(shipped)
    row = st.container()
    address = base_address()
    link_maker(shipped, address)
    st.subheader("A class of thirty in 90 minutes")
    with st.expander("From the playground to a challenge", icon=":material/schedule:"):
        st.markdown(class_plan.table())
        st.page_link("challenge.py", label="Open a challenge", icon=":material/trophy:")
    st.subheader("Notes")
    for number, lesson in enumerate(shipped, start=1):
        notes(lesson, number, address)
    not_stored = [spec for spec in experiments if _runs.find(spec.hash) is None]
    with row:
        _running.show(experiments, lambda in_flight: prepare_row(not_stored, in_flight))
except LessonError as error:
    st.error(str(error), title="The lessons can't be read", icon=":material/broken_image:")
except PoisonLabError as error:
    st.error(str(error), title="This page can't be shown completely", icon=":material/broken_image:")
