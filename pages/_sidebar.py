"""The experiment's controls, shared by all pages, and their link to the URL.

The link is read and written here and not by the widgets' own `bind="query-params"`: defaults depend on other
choices, and a link that can't be followed must say so, in one place, instead of falling back in silence.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.spec.experiment import ExperimentSpec
from core.system.errors import SpecError
from pages import _own, _progress, _runs, _sidebar_controls, _state
from pages._progress import Progress
from pages._sidebar_controls import widget_key
from pages._state import Locks, Values


def experiment(page: str) -> ExperimentSpec | None:
    """Draw the controls and update the URL; the experiment that they describe, None where it is invalid.

    Args:
        page: the page shown; changing it keeps all settings.
    """
    _read_link(page)
    with st.sidebar:
        chosen = _sidebar_controls.draw()
    _write_link(chosen, page)
    st.session_state.refusal = ""
    try:
        return _state.to_spec(chosen)
    except SpecError as error:
        st.session_state.refusal = str(error)
        return None


def keep(page: str) -> None:
    """Remember all settings while a page without controls is shown; Streamlit forgets those of undrawn widgets.

    Args:
        page: the page shown.
    """
    _begin(page)
    for key, value in st.session_state.chosen.items():
        st.session_state.setdefault(widget_key(key), value)
    st.session_state.page = page


def choose(values: Values, *, past_locks: bool = False) -> None:
    """Set all controls; for callbacks, which run before the controls are drawn.

    Args:
        past_locks: set locked controls, too, as a lesson may; else they stay.
    """
    state = st.session_state
    locked = {} if past_locks else {key: state.chosen[key] for key in state.locks.all if key in state.chosen}
    fitted = _state.fit({**values, **locked})
    for key, value in fitted.items():
        state[widget_key(key)] = value
    if past_locks:
        state.pins = {key: fitted[key] for key in state.locks.all if key in fitted}


def open_step(lesson: str, step: int) -> None:
    """Go to a step of a lesson and set the controls to its settings; for callbacks."""
    state = st.session_state
    state.progress = state.progress.opened(lesson, step)
    here = _progress.open_step(state.progress, _runs.lessons())
    if here is not None:
        choose(_state.from_spec(here[1].spec), past_locks=True)


def set_progress(progress: Progress) -> None:
    """Note how far the lessons are, outside a callback: the link follows at once."""
    st.session_state.progress = progress
    _write_link(st.session_state.chosen, st.session_state.page)


def use_button(key: str, value: str, *, widget: str) -> None:
    """A button that sets one control and goes to the lab; without a value it can't be pressed.

    Args:
        widget: the button's own key.
    """
    values = {**st.session_state.chosen, key: value}
    is_locked = key in st.session_state.locks.all
    icon = ":material/lock:" if is_locked else ":material/science:"
    off = is_locked or not value
    help_ = "This setting is locked by the link." if is_locked else "Selects it in the sidebar and opens the lab."
    if st.button("Use it in the lab", key=widget, disabled=off, icon=icon, help=help_, on_click=choose, args=(values,)):
        # The link goes along, which Streamlit else drops on the way.
        st.switch_page("lab.py", query_params=st.query_params.to_dict())


def show_problems(box: DeltaGenerator) -> list[str]:
    """Show everything that is wrong in the link or the controls in one box; the messages about the link."""
    of_link: list[str] = st.session_state.problems
    problems = [*of_link, *filter(None, [st.session_state.refusal])]
    if problems:
        text = problems[0] if len(problems) == 1 else "\n".join(f"- {problem}" for problem in problems)
        box.error(text, title="These settings can't be used as they are", icon=":material/link_off:")
    else:
        box.empty()
    return of_link


def _begin(page: str) -> None:
    """The session's state before it has read a link."""
    state = st.session_state
    if "link" not in state:
        state.link, state.page, state.chosen, state.problems = None, page, {}, []
        state.locks, state.progress, state.pins = Locks(), Progress(), {}
        state.written = (state.locks, state.progress)
        _own.follow(page, {})


def _read_link(page: str) -> None:
    """Follow the URL at the first run, and again when a person goes back or forward in the browser."""
    state = st.session_state
    query = st.query_params.to_dict()
    _begin(page)
    # Streamlit drops the query on the way to another page, and a link that is older than the newest change
    # of a control can still be on its way from the browser: in both cases the controls are right.
    if page != state.page:
        state.problems = []
        _own.follow(page, query)
        return
    touched = any(state.get(widget_key(key)) != value for key, value in state.chosen.items())
    touched = touched or state.written != (state.locks, state.progress) or _own.touched()
    if query == state.link or touched:
        return
    _own.follow(page, query)
    state.locks, locks_problems = _state.locks_from_query(query)
    progress_problems: list[str] = []
    state.progress = Progress()
    if any(key in query for key in _progress.KEYS):
        state.progress, progress_problems = _progress.from_query(query, _runs.lessons())
    own = _own.keys(page)
    settings = {key: text for key, text in query.items() if key not in _progress.KEYS}
    names_setting = any(key not in (*_state.LOCKS, _state.VERSION, *own) for key in settings)
    here = _progress.open_step(state.progress, _runs.lessons()) if state.progress.lesson else None
    settings_problems: list[str] = []
    if here is not None and not names_setting:  # a link to a step that names no setting means the step's own
        values = _state.from_spec(here[1].spec)
    else:
        values, settings_problems = _state.from_query(settings, own)
    state.problems = [*settings_problems, *locks_problems, *progress_problems]
    state.pins = {key: values[key] for key in state.locks.all if key in values}
    for key, value in values.items():
        state[widget_key(key)] = value


def _write_link(chosen: Values, page: str) -> None:
    state = st.session_state
    settings = _state.versioned(_state.to_query(chosen) | _state.locks_to_query(state.locks))
    settings |= _progress.to_query(state.progress)
    if state.chosen and (chosen != state.chosen or state.written != (state.locks, state.progress)):
        state.problems = []
    state.link, state.page, state.chosen = settings, page, chosen
    state.written = (state.locks, state.progress)
    _own.write()
