"""The experiment's controls, shared by all pages, and their link to the URL.

The link is read and written here and not by the widgets' own `bind="query-params"`: defaults depend on other
choices, and a link that can't be followed must say so, in one place, instead of falling back in silence.
"""

import streamlit as st

from core import catalog
from core.data.registry import info as data_info
from core.errors import SpecError
from core.extractors.registry import EXTRACTORS
from core.spec import CONSTRAINTS, LABEL_RULES, ExperimentSpec, attack_parameters
from pages import _state
from pages._state import Choice, Number, Value, Values

SIDE_BY_SIDE = 25
"""Most letters of options that are shown side by side; more go into a drop-down."""

_DATA_HELP = (
    "The images that the head is trained on. What is to be fetched is not on this machine: its first run downloads it, "
    "or says which files to put where."
)
CONSTRAINT_WORDS = {"none": "None", "valid": "Valid", "perturbation": "Within δ"}
LABEL_WORDS = {"clean": "Clean", "random": "Random", "adversarial": "Adversarial"}

PARAMETER_WORDS: dict[str, tuple[str, str]] = {
    "stage2": (
        "Stage 2 by",
        "How poisoned features are found: by Gradient Canceling or by total gradient ascent.",
    ),
    "target": (
        "Target parameters",
        "Aim at one distance from the clean head, or search several.",
    ),
    "radius": ("Target radius", "How far the target head lies from the clean head."),
    "steps": ("Steps of stage 2", "More steps find stronger poisoned features and take longer."),
    "lr": ("Step size of stage 2", "How far features move in a step; a feature vector has length about 3."),
    "bases": (
        "Base images",
        "Where the poison starts: at the images that already hurt most under their new label, or at random ones.",
    ),
    "match_steps": ("Matching steps", "How long pixels are changed until the image's features match."),
    "restarts": (
        "Starts of matching",
        "From how many of the nearest real images each match is tried; the closest match is kept.",
    ),
    "beta": (
        "Pull to the base image",
        "Larger values keep images closer to where they started.",
    ),
    "finish_steps": (
        "Finishing steps",
        "Steps on the pixels by the head's gradient; 0 is the paper's attack.",
    ),
}
VALUE_WORDS = {
    "gc": "Gradient Canceling",
    "tgda": "TGDA",
    "gradpc": "One radius",
    "search": "Search",
    "influence": "Most harmful",
    "sample": "Random",
}


def experiment(page: str) -> ExperimentSpec | None:
    """Draw the controls and keep the URL in step; the experiment asked for, None where it makes no sense.

    Args:
        page: the page on show; changing it keeps all settings.
    """
    _read_link(page)
    with st.sidebar:
        chosen = _controls()
    _write_link(chosen, page)
    st.session_state.refusal = ""
    try:
        return _state.to_spec(chosen)
    except SpecError as error:
        st.session_state.refusal = str(error)
        return None


def keep(page: str) -> None:
    """Remember all settings while a page without controls is on show; Streamlit forgets those of undrawn widgets.

    Args:
        page: the page on show.
    """
    for key, value in st.session_state.get("chosen", {}).items():
        st.session_state.setdefault(_widget(key), value)
    st.session_state.page = page


def choose(values: Values) -> None:
    """Set all controls; for callbacks, which run before the controls are drawn."""
    for key, value in _state.fit(values).items():
        st.session_state[_widget(key)] = value


def use_button(key: str, value: str, *, widget: str) -> None:
    """A button that sets one control and goes to the lab; without a value it can't be pressed.

    Args:
        widget: the button's own key.
    """
    values = {**st.session_state.chosen, key: value}
    icon = ":material/science:"
    if st.button("Use it in the lab", key=widget, disabled=not value, icon=icon, on_click=choose, args=(values,)):
        # The link goes along, which Streamlit else drops on the way.
        st.switch_page("lab.py", query_params=st.query_params.to_dict())


def show_problems() -> None:
    """One box for everything that can't be followed, in the link or in the controls."""
    problems = [*st.session_state.problems, *filter(None, [st.session_state.refusal])]
    if problems:
        text = problems[0] if len(problems) == 1 else "\n".join(f"- {problem}" for problem in problems)
        st.error(text, title="These settings can't be used as they are", icon=":material/link_off:")


def _read_link(page: str) -> None:
    """Follow the URL at the first run, and again when a person goes back or forward in the browser."""
    state = st.session_state
    query = st.query_params.to_dict()
    if "link" not in state:
        state.link, state.page, state.chosen, state.problems = None, page, {}, []
    # Streamlit drops the query on the way to another page, and a link that is older than the newest change
    # of a control can still be on its way from the browser: in both cases the controls are right.
    touched = any(state.get(_widget(key)) != value for key, value in state.chosen.items())
    if query == state.link or page != state.page or touched:
        return
    values, state.problems = _state.from_query(query)
    for key, value in values.items():
        state[_widget(key)] = value


def _write_link(chosen: Values, page: str) -> None:
    state = st.session_state
    link = _state.to_query(chosen)
    if state.chosen and chosen != state.chosen:
        state.problems = []
    state.link, state.page, state.chosen = link, page, chosen
    if st.query_params.to_dict() != link:
        st.query_params.from_dict(link)


def _controls() -> Values:
    """The widgets from top to bottom, each drawn with what the ones before it allow."""
    chosen: Values = {}
    st.subheader("Experiment")
    _ask("data", "Data", chosen, help=_DATA_HELP)
    if data_info(str(chosen["data"])).domains:
        left, right = st.columns(2)
        with left:
            _ask("from", "Train on", chosen, help="Style of the training images, the poison's base included.")
        with right:
            _ask("to", "Test on", chosen, help="Another style than in training is a domain shift.")
    _ask("extractor", "Extractor", chosen, help=_extractor_help())
    _ask("px", "Input size", chosen, help="Side at which the extractor sees an image; larger is slower.")
    st.caption(setting_words(chosen))
    _ask("attack", "Attack", chosen, help=_attack_help())
    if any(_state.control(key, chosen) for key in attack_parameters(str(chosen["attack"]))):
        with st.expander("Attack parameters", icon=":material/tune:"):
            for key in _state.PARAMETERS:
                label, help_ = _parameter_words(chosen, key)
                _ask(key, label, chosen, help=help_)
    # The constraint decides whether δ has a use; the widgets stand in the order in which they are read.
    budget = st.container()
    _ask("constraint", "Constraint", chosen, help=_bullets(CONSTRAINT_WORDS, CONSTRAINTS))
    _ask("delta", "δ, in steps of 1/255", chosen, help="The most that a pixel may change.")
    _ask("labels", "Labels of the poison", chosen, help=_bullets(LABEL_WORDS, LABEL_RULES))
    with st.expander("Sizes and seed", icon=":material/settings:"):
        _ask("train", "Training images", chosen, help="Clean images that the head is trained on.")
        _ask(
            "test",
            "Test images",
            chosen,
            help="Accuracy is measured on them; the attack never sees them.",
        )
        _ask("ridge", "Ridge λ", chosen, help="Weight decay of the head: larger values hold it back.")
        _ask("seed", "Seed", chosen, help="Draws the images; the same seed gives the same result.")
    with budget:
        _ask("budget", "Budget", chosen, help="Poisoned images added per clean training image, in percent.")
        train = int(chosen["train"])
        count = ExperimentSpec(budget=float(chosen["budget"]) / 100, train_size=train).n_poison
        st.caption(f"**{count:,}** poisoned among {train + count:,} training images")
    return {key: chosen[key] for key in _state.KEYS if key in chosen}


def setting_words(chosen: Values) -> str:
    """What the extractor has learnt from, beside what the head learns from."""
    domains = [str(chosen[key]) if key in chosen else None for key in ("from", "to")]
    title, meaning = catalog.SETTINGS[catalog.setting(str(chosen["data"]), str(chosen["extractor"]), *domains)]
    return f"Setting: **{title}**; {meaning}"


def _ask(key: str, label: str, chosen: Values, *, help: str) -> None:
    """Draw the widget of one key, where it has a use, and note what it says in `chosen`."""
    one = _state.control(key, chosen)
    if one is None:
        return
    name = _widget(key)
    if st.session_state.get(name) is None:  # not drawn before, or emptied by hand
        st.session_state[name] = one.default
    fitted = one.near(st.session_state[name])
    if fitted != st.session_state[name]:  # impossible since an earlier choice changed
        st.session_state[name] = fitted
    value = _choice(key, label, one, help) if isinstance(one, Choice) else _number(key, label, one, help)
    chosen[key] = one.default if value is None else one.near(value)


def _choice(key: str, label: str, one: Choice, help: str) -> Value | None:
    words = {**one.options, **VALUE_WORDS}
    words |= CONSTRAINT_WORDS if key == "constraint" else LABEL_WORDS if key == "labels" else {}
    shown = [words[value] for value in one.options]
    if sum(map(len, shown)) > SIDE_BY_SIDE or key in ("from", "to"):
        return st.selectbox(label, list(one.options), format_func=words.get, key=_widget(key), help=help)
    return st.segmented_control(
        label,
        list(one.options),
        format_func=words.get,
        key=_widget(key),
        help=help,
        required=True,
        width="stretch",
    )


def _number(key: str, label: str, one: Number, help: str) -> Value | None:
    name = _widget(key)
    if key == "budget":
        return st.slider(label, one.low, one.high, step=0.5, format="%g %%", key=name, help=help)
    if one.whole:
        step = 1 if one.high <= _state.LEVELS or key == "seed" else 10 if one.default < 500 else 100
        return st.number_input(label, int(one.low), int(one.high), step=step, key=name, help=help)
    step = float(one.default) / 10
    low, high = float(one.low), float(one.high)
    return st.number_input(label, low, high, step=step, format="%g", key=name, help=help)


def _parameter_words(chosen: Values, key: str) -> tuple[str, str]:
    """Label and help: an attack with one stage only does not speak of stage 2."""
    own = attack_parameters(str(chosen["attack"]))
    if key in ("steps", "lr") and "stage2" not in own:
        return {"steps": "Steps", "lr": "Step size"}[key], own.get(key, {}).get("description", "")
    return PARAMETER_WORDS.get(key, (key, own.get(key, {}).get("description", "")))


@st.cache_data
def _extractor_help() -> str:
    lines = (
        f"- **{record.title}**: {record.method}, {record.width} features; {record.paper}; {record.licence}"
        for record in EXTRACTORS.values()
    )
    return "The frozen network that turns an image into features.\n\n" + "\n".join(lines)


@st.cache_data
def _attack_help() -> str:
    attacks = catalog.listing()["attacks"].values()
    return "\n".join(f"- **{attack['title']}**: {attack['about']}" for attack in attacks)


def _bullets(words: dict[str, str], meanings: dict[str, str]) -> str:
    return "\n".join(f"- **{words.get(name, name)}**: {meaning}" for name, meaning in meanings.items())


def _widget(key: str) -> str:
    return f"ask-{key}"
