"""The experiment's controls, shared by all pages, and their link to the URL.

The link is read and written here and not by the widgets' own `bind="query-params"`: defaults depend on other
choices, and a link that can't be followed must say so, in one place, instead of falling back in silence.
"""

from collections.abc import Mapping

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner_utils.script_run_context import get_script_run_ctx

from core.spec.experiment import ExperimentSpec
from core.system.errors import SpecError
from pages import _address, _own, _progress, _runs, _sidebar_controls, _state
from pages._address import Address, Held, Shown
from pages._controls import quoted
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


def view(page: str) -> None:
    """Bring the address in step with what a page without controls shows, before the page reads it.

    Args:
        page: the page shown; the settings stay as they are.
    """
    state, query = st.session_state, st.query_params.to_dict()
    shown = _follow(page)
    if shown.experiment is not None:
        _read_experiment(shown.experiment, page, is_new=True)
    own = _address.own_part(page, query) if shown.view is None else shown.view
    link = _address.carrying(own, state.experiment)
    if query != link:
        st.query_params.from_dict(link)
    if shown.view is not None:
        _own.follow(page, shown.view, is_kept=shown.is_kept)
        state.problems, known = [], (*_address.VIEWS.get(page, ()), _address.CARRIED)
        if shown.unknown:
            names = ", ".join(f"`{quoted(key)}`" for key in shown.unknown)
            state.problems = [f"Unknown: {names}. Known: {', '.join(known)}."]
    state.page, state.refusal = page, ""
    _own.write()


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
    state.wanted = fitted  # Streamlit forgets the state of widgets that the page does not draw
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
        st.switch_page("lab.py")


def show_problems(box: DeltaGenerator) -> list[str]:
    """Show everything that is wrong in the link or the controls in one box; the messages about the link."""
    of_link: list[str] = st.session_state.problems
    problems = [*of_link, *filter(None, [st.session_state.refusal])]
    if problems:
        text = problems[0] if len(problems) == 1 else "\n".join(f"- {problem}" for problem in problems)
        if st.session_state.page in _address.WITHOUT_CONTROLS:
            box.warning(text, title="This link can't be followed as it is", icon=":material/link_off:")
        else:
            box.error(text, title="These settings can't be used as they are", icon=":material/link_off:")
    else:
        box.empty()
    return of_link


def _begin() -> None:
    """The session's state before it has read a link."""
    state = st.session_state
    state.link, state.page, state.chosen, state.problems = {}, "", {}, []
    state.locks, state.progress, state.pins = Locks(), Progress(), {}
    state.written = (state.locks, state.progress)
    state.experiment, state.views, state.wanted = {}, {}, {}
    _own.follow("", {})


def _follow(page: str) -> Shown:
    """What the page shows, given what the session holds and what the address says."""
    state, held = st.session_state, None
    if "link" not in state:
        _begin()
    else:
        touched = any(
            widget_key(key) in state and state[widget_key(key)] != value for key, value in state.chosen.items()
        )
        touched = touched or state.written != (state.locks, state.progress) or bool(state.wanted)
        if page == state.page:
            touched = touched or _own.touched()
        held = Held(state.page, state.link, state.views, touched)
    context = get_script_run_ctx()
    is_history = context is not None and context.is_history_navigation
    return _address.follow(held, Address(page, st.query_params.to_dict(), is_history))


def _read_link(page: str) -> None:
    """Set the controls to what the address says, where it is to be followed, else to what the session holds."""
    state, before = st.session_state, st.session_state.get("page", "")
    shown = _follow(page)
    if page != before:
        state.problems = []
    if shown.experiment is not None:
        _read_experiment(shown.experiment, page, is_new=before in ("", page))
    if shown.view is not None:
        _own.follow(page, shown.view, is_kept=shown.is_kept)
    for key, value in state.chosen.items():  # Streamlit forgets those of undrawn widgets
        state.setdefault(widget_key(key), value)
    for key, value in state.wanted.items():
        state[widget_key(key)] = value
    state.wanted = {}


def _read_experiment(query: Mapping[str, str], page: str, *, is_new: bool) -> None:
    """Follow what an address says of the experiment: locks, progress in the lessons, settings.

    Args:
        query: the part of the address.
        page: the page shown.
        is_new: whether what the address does not say is as in the beginning; else locks and progress stay.
    """
    state, problems = st.session_state, list[str]()
    says_progress = any(key in query for key in _progress.KEYS)
    keeps_locks = not is_new and not any(key in query for key in _state.LOCKS)
    if not keeps_locks:
        state.locks, problems = _state.locks_from_query(query)
    if is_new:
        state.progress = Progress()
    progress_problems: list[str] = []
    if says_progress:
        done = state.progress.done
        state.progress, progress_problems = _progress.from_query(query, _runs.lessons())
        state.progress = state.progress.also_done(done)
    own = _own.keys(page)
    settings = {key: text for key, text in query.items() if key not in _progress.KEYS}
    names_setting = any(key not in (*_state.LOCKS, _state.VERSION, *own) for key in settings)
    here = _progress.open_step(state.progress, _runs.lessons()) if says_progress and state.progress.lesson else None
    settings_problems: list[str] = []
    if here is not None and not names_setting:  # a link to a step that names no setting means the step's own
        values = _state.from_spec(here[1].spec)
    else:
        values, settings_problems = _state.from_query(settings, own)
    if keeps_locks:
        values = _state.fit({**values, **{key: state.pins[key] for key in state.locks.all if key in state.pins}})
    state.problems = [*settings_problems, *problems, *progress_problems]
    state.pins = {key: values[key] for key in state.locks.all if key in values}
    for key, value in values.items():
        state[widget_key(key)] = value
    state.chosen, state.written = values, (state.locks, state.progress)
    state.experiment = _experiment_link(values)


def _experiment_link(chosen: Values) -> dict[str, str]:
    """The part of a link that says settings, locks and progress."""
    state = st.session_state
    settings = _state.versioned(_state.to_query(chosen) | _state.locks_to_query(state.locks))
    return settings | _progress.to_query(state.progress)


def _write_link(chosen: Values, page: str) -> None:
    state = st.session_state
    if state.chosen and (chosen != state.chosen or state.written != (state.locks, state.progress)):
        state.problems = []
    state.experiment = _experiment_link(chosen)
    state.link, state.page, state.chosen = state.experiment, page, chosen
    state.written = (state.locks, state.progress)
    _own.write()
