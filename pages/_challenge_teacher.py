"""A challenge as its teacher sees it: links, rounds, the whole board, names, predictions, export and reveal."""

import time
from collections.abc import Callable

import streamlit as st

from core.challenge import folder, prediction_words, predictions
from core.challenge.board import board_of, settings_words, table, words
from core.challenge.folder import Challenge
from core.challenge.people import people
from core.challenge.rounds import Course
from core.challenge.rules import ROUNDS, parse_rules
from core.challenge.submissions import all_submissions
from core.system.errors import ChallengeError, PoisonLabError
from core.system.numbers import counted
from pages import _challenge_board, _class, _pick, _runs, _teach_address
from pages._words import plain

ROUND_WORDS = {"attack": "An attack round", "defence": "A defence round", "turns": "Both in turns, twice"}


def open_form() -> None:
    """Open a challenge with the sidebar's experiment."""
    with st.form("open-challenge", border=True):
        st.subheader("Open a challenge")
        st.caption(
            "The sidebar's settings are its rules: data, extractor, budget, constraint and labels. Its attack is what "
            "defenders face where there is no attack round."
        )
        st.text_input("Title", "Challenge", key="open-title", max_chars=80, help="Shown on the projector.")
        st.selectbox(
            "Rounds", list(ROUND_WORDS), format_func=ROUND_WORDS.__getitem__, key="open-rounds", help="You start each."
        )
        left, right = st.columns(2)
        left.number_input("Minutes a round", 1, 240, 20, key="open-minutes", help="You can end a round before.")
        right.number_input("Submissions a person", 1, 50, 5, key="open-tries", help="In each round; few tell less.")
        left.number_input("People at most", 1, 500, 60, key="open-people", help="Each takes part under a name.")
        right.number_input("Seconds to judge one", 1, 14_400, 120, key="open-seconds", help="Longer ones are refused.")
        st.toggle("Images only", key="open-images", help="Refuses attacks that make feature vectors.")
        st.form_submit_button("Open the challenge", icon=":material/add:", on_click=_open)
    if problem := st.session_state.get("open-problem"):
        st.error(problem, icon=":material/error:")


def _open() -> None:
    state = st.session_state
    if state.get("spec") is None:
        state["open-problem"] = "The sidebar's settings can't be run: mend them first."
        return
    try:
        rules = parse_rules(
            {
                "title": " ".join(str(state["open-title"]).split()) or "Challenge",
                "experiment": state.spec.model_dump(mode="json"),
                "rounds": ROUNDS[state["open-rounds"]],
                "minutes": state["open-minutes"],
                "tries": state["open-tries"],
                "people": state["open-people"],
                "seconds": state["open-seconds"],
                "images_only": state["open-images"],
            }
        )
        challenge, key = folder.open_challenge(rules, login())
    except PoisonLabError as error:
        state["open-problem"] = str(error)
        return
    state["open-problem"] = ""
    _class.keep(code=challenge.code, teacher=key, me="")


def login() -> str:
    """The login of this person; "" without one, as a browser alone is nobody's."""
    owner = _runs.owner()
    return owner if owner.startswith("login:") else ""


def teacher_page(challenge: Challenge) -> None:
    """The teacher's page."""
    st.markdown(f"### {plain(challenge.rules.title)}")
    links(challenge)
    left, right = st.columns([1, 1.3], gap="large")
    with left:
        _live_control(challenge)
        names_part(challenge)
        _live_predictions(challenge)
        with st.expander("Rules", icon=":material/gavel:"):
            st.markdown(_challenge_board.rules_words(challenge))
    with right:
        _live_board(challenge)


def links(challenge: Challenge) -> None:
    """The code, the class's links by an address that others reach where there is one, the teacher's, and the export."""
    address = _teach_address.for_others()
    with st.container(horizontal=True, vertical_alignment="center"):
        _challenge_board.code_line(challenge)
        st.link_button(
            "Projector", _pick.link("projector", {"code": challenge.code}), icon=":material/cast:", help="In a new tab."
        )
        with st.popover("Links", icon=":material/link:", help="For the class, and your own."):
            st.caption("For the class")
            st.code(_pick.link("challenge", {"code": challenge.code}, address), language=None, wrap_lines=True)
            st.caption("For the class in a lesson, whose predictions you then see here")
            st.code(_pick.link("lessons", {"class": challenge.code}, address), language=None, wrap_lines=True)
            st.caption("Yours: whoever has it is the teacher. It can't be had again; keep it.")
            if key := _class.kept("teacher"):
                own = _pick.link("challenge", {"code": challenge.code, "teacher": key})
                st.code(own, language=None, wrap_lines=True)
        # Not in a part that refreshes itself: a file that is made on request must not be replaced while it is.
        st.download_button(
            "Export CSV",
            lambda: table(challenge),
            f"challenge-{challenge.code}.csv",
            "text/csv",
            key="challenge-csv",
            icon=":material/download:",
            on_click="ignore",
            help="Every submission with its settings and damage.",
        )


@st.fragment(run_every=_challenge_board.REFRESH_SECONDS)
def _live_control(challenge: Challenge) -> None:
    course, rules, now = challenge.course(), challenge.rules, time.time()
    st.markdown(f"**{_challenge_board.clock(challenge, course)}**")
    st.caption(
        f"{counted(len(people(challenge)), 'person', 'people')}, "
        f"{counted(len(challenge.names('submissions')), 'submission')}."
    )
    phase = course.phase(rules, now)
    with st.container(horizontal=True):
        if phase == "open":
            _button("End the round", "end", ":material/stop:", challenge, lambda course: course.with_end(time.time()))
        elif phase != "finished" and course.round + 1 < len(rules.rounds):
            name = _challenge_board.KINDS[rules.rounds[course.round + 1]].lower()
            _button(
                f"Start the {name}",
                "start",
                ":material/play_arrow:",
                challenge,
                lambda course: course.with_next_round(rules, time.time()),
            )
        if phase != "finished":
            if course.frozen is None:
                _button(
                    "Freeze the board",
                    "freeze",
                    ":material/ac_unit:",
                    challenge,
                    lambda course: course.with_board(frozen=time.time()),
                )
            else:
                _button(
                    "Unfreeze", "unfreeze", ":material/sunny:", challenge, lambda course: course.with_board(frozen=None)
                )
            _button("Reveal", "reveal", ":material/celebration:", challenge, lambda course: course.with_reveal(now))
    if problem := st.session_state.pop("teacher-problem", ""):
        st.error(problem, icon=":material/error:")


def _button(label: str, key: str, icon: str, challenge: Challenge, step: Callable[[Course], Course]) -> None:
    st.button(label, key=f"challenge-{key}", icon=icon, on_click=_take, args=(challenge, step))


def _take(challenge: Challenge, step: Callable[[Course], Course]) -> None:
    try:
        challenge.change(step)
    except ChallengeError as error:
        st.session_state["teacher-problem"] = str(error)


def names_part(challenge: Challenge) -> None:
    """Names that the class does not see."""
    there = {person.id: person.name for person in people(challenge)}
    if not there:
        return
    with st.expander("Hide names", icon=":material/visibility_off:"):
        st.multiselect(
            "Hidden names",
            list(there),
            [name for name in challenge.course().hidden if name in there],
            format_func=there.__getitem__,
            key="challenge-hidden",
            help="The board shows these people without their names.",
            on_change=_hide,
            args=(challenge, list(there)),
        )


def _hide(challenge: Challenge, there: list[str]) -> None:
    chosen = st.session_state["challenge-hidden"]

    def step(course: Course) -> Course:
        for person in there:
            course = course.with_person(person, hidden=person in chosen)
        return course

    _take(challenge, step)


@st.fragment(run_every=_challenge_board.BOARD_SECONDS)
def _live_predictions(challenge: Challenge) -> None:
    shown = challenge.course().shown
    for name in predictions.steps(challenge):
        found = prediction_words.step_named(name, _runs.lessons())
        if found is None:
            continue
        with st.container(border=True):
            st.caption(f"Predicted in *{found[0].title}*, step {name.rpartition('-')[2]}")
            _challenge_board.predictions_part(challenge, name, found[1], key=f"tally-{name}")
            st.toggle(
                "Show it to the class",
                name in shown,
                key=f"show-{name}",
                help="On the projector, in place of the board, and in the lesson of whoever has answered.",
                on_change=_show,
                args=(challenge, name),
            )


def _show(challenge: Challenge, name: str) -> None:
    is_shown = bool(st.session_state[f"show-{name}"])
    _take(challenge, lambda course: course.with_predictions(name, shown=is_shown))


@st.fragment(run_every=_challenge_board.BOARD_SECONDS)
def _live_board(challenge: Challenge) -> None:
    course = challenge.course()
    if course.frozen is not None:
        st.info("The class sees a frozen board; you see everything.", icon=":material/ac_unit:")
    _challenge_board.board_part(board_of(challenge, everything=True), key="board")
    if course.revealed:
        with st.expander("What everybody handed in", icon=":material/list:"):
            st.dataframe(
                [
                    {"By": entry.name, "What": words(entry), "Settings": settings_words(entry)}
                    for entry in all_submissions(challenge)
                ],
                hide_index=True,
                key="challenge-all",
                alt="Every submission with its settings",
            )
