"""A challenge as who takes part sees it: rules, what to hand in, what became of it, and the board."""

import tempfile
import time
from pathlib import Path

import streamlit as st

from core.attacks.registry import RECORDS as ATTACKS
from core.challenge import codes
from core.challenge.board import board_of, words
from core.challenge.folder import Challenge
from core.challenge.people import Person, join
from core.challenge.poison_files import MAX_BYTES, SUFFIXES
from core.challenge.submissions import (
    Submission,
    all_submissions,
    hand_in_attack,
    hand_in_defence,
    hand_in_poison,
    tries_left,
)
from core.challenge.verdicts import verdict_of
from core.defences.chain import as_text
from core.serving.uploads import NO_ROOM
from core.spec.experiment import ExperimentSpec
from core.system.errors import PoisonLabError
from core.system.numbers import counted, fixed
from pages import _challenge_board, _class, _defences, _sidebar, _state
from pages._state import Locks
from pages._words import plain

FREE = ("attack", "evade", *_state.parameter_keys())
"""Controls of the sidebar that an attacker chooses; the rules of the challenge set the others."""


def enter() -> None:
    """Join under the name that was typed, and set the sidebar to the rules; for callbacks."""
    state = st.session_state
    try:
        challenge = _class.find(state.get("join-code", "") or _class.kept("code"))
        _, key = join(challenge, state.get("join-name", ""))
    except PoisonLabError as error:
        state["join-problem"] = str(error)
        return
    state["join-problem"] = ""
    _class.keep(code=challenge.code, me=key, teacher="")
    use_rules(challenge)


def use_rules(challenge: Challenge) -> None:
    """Set the sidebar to the challenge's experiment and lock all but the attack; for callbacks."""
    state = st.session_state
    state.locks = Locks()
    _sidebar.choose(_state.from_spec(challenge.rules.experiment))
    state.locks = Locks(lock=tuple(key for key in _state.all_keys() if key not in FREE))
    values = _state.from_spec(challenge.rules.experiment)
    state.pins = {key: values[key] for key in state.locks.all if key in values}


def join_form(challenge: Challenge | None) -> None:
    """Ask for a code, unless the link has it, and a name."""
    with st.form("join", border=True):
        st.subheader("Take part")
        if challenge is None:
            st.text_input("Code", key="join-code", max_chars=20, placeholder="ABCD-EFGH", help="On the projector.")
        st.text_input("Your name", key="join-name", max_chars=24, help="Any name: the board shows it to the class.")
        st.form_submit_button("Take part", icon=":material/login:", type="primary", on_click=enter)
    if problem := st.session_state.get("join-problem"):
        st.error(problem, icon=":material/error:")


def student_page(challenge: Challenge, person: Person) -> None:
    """The page of who takes part.

    Args:
        challenge: the challenge.
        person: who this is.
    """
    st.markdown(f"### {plain(challenge.rules.title)}")
    st.caption(f"You are {plain(person.name)} in {codes.shown(challenge.code)}. This page's address is yours alone.")
    left, right = st.columns([1, 1.3], gap="large")
    with left:
        _live_clock(challenge)
        course = challenge.course()
        phase, kind = course.phase(challenge.rules, time.time()), course.kind(challenge.rules)
        if phase == "open":
            with st.container(border=True):
                if kind == "attack":
                    attack_form(challenge, person)
                else:
                    defence_form(challenge, person)
        if said := st.session_state.pop("handed-in", None):
            ok, text = said
            (st.success if ok else st.error)(plain(text), icon=":material/check_circle:" if ok else ":material/error:")
        _own_submissions(challenge, person)
        with st.expander("Rules", icon=":material/gavel:", expanded=phase == "waiting"):
            st.markdown(_challenge_board.rules_words(challenge))
    with right:
        _live_board(challenge)


@st.fragment(run_every=_challenge_board.REFRESH_SECONDS)
def _live_clock(challenge: Challenge) -> None:
    course = challenge.course()
    st.markdown(f"**{_challenge_board.clock(challenge, course)}**")
    now = (course.round, course.phase(challenge.rules, time.time()))
    if st.session_state.setdefault("challenge-phase", now) != now:
        st.session_state["challenge-phase"] = now
        st.rerun()  # another form


@st.fragment(run_every=_challenge_board.BOARD_SECONDS)
def _live_board(challenge: Challenge) -> None:
    if challenge.course().frozen is not None:
        st.info("The board is frozen until the reveal.", icon=":material/ac_unit:")
    _challenge_board.board_part(board_of(challenge, everything=False), key="board")


@st.fragment(run_every=_challenge_board.BOARD_SECONDS)
def _own_submissions(challenge: Challenge, person: Person) -> None:
    own = [entry for entry in all_submissions(challenge) if entry.person == person.id]
    if not own:
        return
    st.markdown("**Your submissions**")
    for entry in reversed(own):
        st.markdown(f"- {plain(words(entry))}: {_state_words(challenge, entry)}")


def _state_words(challenge: Challenge, entry: Submission) -> str:
    verdict = verdict_of(challenge, entry.id)
    if verdict is None:
        return "confirmed, waiting for the judge"
    if verdict.state == "judged":
        points = f"**{fixed(verdict.damage)} points**"
        return f"{points} of damage" if entry.is_attack else f"leaves {points} of damage"
    return f"{verdict.state}. {plain(verdict.reason)}"


def attack_form(challenge: Challenge, person: Person) -> None:
    """Hand in the sidebar's attack, or a file."""
    left = tries_left(challenge, person, challenge.course().round)
    spec: ExperimentSpec | None = st.session_state.spec
    title = "none that can be run" if spec is None else ATTACKS[spec.attack.name].title
    st.markdown(f"**Your attack**: {plain(title)}, as the sidebar has it. Try it in the lab first: that costs nothing.")
    st.caption(f"{counted(left, 'submission')} left in this round.")
    st.button(
        "Hand in this attack",
        key="hand-in-attack",
        type="primary",
        icon=":material/send:",
        disabled=spec is None or not left,
        help="The attack and its parameters; everything else is set by the rules.",
        on_click=_hand_in_attack,
        args=(challenge, person, spec),
    )
    with st.expander("Or poison of your own", icon=":material/upload_file:"):
        st.caption(
            "A zip of PNG files with labels.csv, as the lab exports a run, or an npz with x or z, y and base_index: "
            "made by a plug-in on your own machine, for instance. No code is uploaded."
        )
        file = st.file_uploader(
            "Poison",
            type=[suffix[1:] for suffix in SUFFIXES],
            key="hand-in-file",
            max_upload_size=MAX_BYTES >> 20,
            help="It is checked against the rules: budget, labels and constraint.",
        )
        if file is not None:
            st.button(
                "Hand in this file",
                key="hand-in-poison",
                icon=":material/send:",
                disabled=not left,
                on_click=_hand_in_file,
                args=(challenge, person),
            )


def defence_form(challenge: Challenge, person: Person) -> None:
    """Hand in a chain of defences."""
    left = tries_left(challenge, person, challenge.course().round)
    st.caption(f"{counted(left, 'submission')} left in this round.")
    names = _defences.pills(widget="challenge-with")
    share = _defences.slider(widget="challenge-share")
    chain = _defences.chain_of(names, share)
    st.button(
        "Hand in this chain",
        key="hand-in-defence",
        type="primary",
        icon=":material/send:",
        disabled=not chain or not left,
        help="It meets the strongest attacks of the rounds before.",
        on_click=_hand_in_chain,
        args=(challenge, person, [as_text(defence) for defence in chain]),
    )


def _hand_in_attack(challenge: Challenge, person: Person, spec: ExperimentSpec) -> None:
    with _said():
        hand_in_attack(challenge, person, spec.attack.model_dump(mode="json"), spec.evade)


def _hand_in_chain(challenge: Challenge, person: Person, texts: list[str]) -> None:
    with _said():
        hand_in_defence(challenge, person, texts)


def _hand_in_file(challenge: Challenge, person: Person) -> None:
    file = st.session_state.get("hand-in-file")
    if file is None:
        return
    content = bytes(file.getbuffer())
    if content == NO_ROOM:
        st.session_state["handed-in"] = (False, "The server's memory for uploads is in use: try again in a minute.")
        return
    with _said(), tempfile.NamedTemporaryFile(suffix=".poison") as copy:
        copy.write(content)
        copy.flush()
        hand_in_poison(challenge, person, Path(copy.name), file.name)


class _said:
    """Notes for the next drawing of the page whether a submission was confirmed, or why it was refused."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        """Swallows what a person can mend."""
        if error is None:
            st.session_state["handed-in"] = (True, "Confirmed: it will be judged, whatever happens to this page.")
        elif isinstance(error, PoisonLabError):
            st.session_state["handed-in"] = (False, str(error))
            return True
        return False
