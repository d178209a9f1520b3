"""The widgets of the sidebar: label, help and allowed values of each, given those before it."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.attacks.registry import RECORDS as ATTACKS
from core.catalog import choices, uploads
from core.catalog.lookup import data_info, extractor_info
from core.defences.registry import RECORDS as DEFENCES
from core.extractors.registry import EXTRACTORS
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, LABEL_TITLES, ExperimentSpec
from core.spec.models import parameters
from core.spec.registry import EVADABLE
from core.spec.sides import SIDE
from pages import _budget_marks, _knowledge, _runs, _state
from pages._controls import Choice, Number, Value, Whole
from pages._side import SideChoice, pixels
from pages._state import Values
from pages._upload_choice import UploadChoice

SIDE_BY_SIDE = 25
"""Most letters of options that are shown side by side; more go into a drop-down."""

SIZES = ("px", "side", "train", "test", "ridge", "seed")
_DATA_HELP = (
    "The images that the head is trained on. A data set that is not downloaded is fetched by its first run, which else "
    "says which files to put where."
)
_SIDE_HELP = (
    "Your images are cropped to squares of this side, at which the poison is made and exported, too; larger is slower. "
    f"Automatic: what the extractor sees, but at least {SIDE} px, and at most the median of your images' shorter sides."
)
_POINTS_HELP = (
    "The strongest attacks know the training set. With other ones of the same data, as many and none of them in the "
    "training set, the attacker has to guess what the head will be like."
)
_RIDGE_HELP = (
    "1: it knows the ridge λ of the head. With 10, it makes its poison for a head that is regularised ten times more."
)
_STAND_IN_HELP = (
    "With a stand-in, the poisoned images are made on another extractor than the one on which the head is trained. "
    "Only for attacks that make images."
)
CONSTRAINT_WORDS = {"none": "None", "valid": "Valid", "perturbation": "Within δ"}
SHORT_WORDS = {"constraint": CONSTRAINT_WORDS, "labels": LABEL_TITLES}


def draw() -> Values:
    """Draw the widgets: first what makes the experiment, and the place of its Run button; the rest is folded.

    They are asked in the order in which they depend on each other (`_state.all_keys`), and stand in another: what a
    person changes most is on top.
    """
    chosen: Values = {}
    if st.session_state.locks.all:
        st.caption(":material/lock: Some settings are locked by this link.")
    with st.container(key="experiment", gap="xsmall"):
        attack, budget = st.container(), st.container(gap=None)
        _ask("data", "Data", chosen, help=_DATA_HELP)
        if data_info(str(chosen["data"])).domains:
            _domains(chosen)
        _ask("extractor", "Extractor", chosen, help=_extractor_help())
        with attack:
            _ask("attack", "Attack", chosen, help=_attack_help())
        st.session_state.run_row = st.container(key="run-row")
    _fold("Attack parameters", ":material/tune:", (*_state.parameter_keys(), "evade"), chosen, _attack_parameters)
    _fold("Rules of the poison", ":material/gavel:", ("constraint", "delta", "labels"), chosen, _rules)
    _fold("Sizes and seed", ":material/settings:", SIZES, chosen, _sizes)
    _fold("What the attacker knows", ":material/visibility_off:", _knowledge.KEYS, chosen, _attacker)
    st.caption(setting_words(chosen))
    with budget:
        _ask("budget", "Budget", chosen, help="Poisoned images added per clean training image, in percent.")
        train = int(chosen["train"])
        count = ExperimentSpec(budget=float(chosen["budget"]) / 100, train_size=train).n_poison
        st.caption(f"**{count:,}** poisoned among {train + count:,} training images")
        _budget_marks.row(chosen, widget_key("budget"))
    return {key: chosen[key] for key in _state.all_keys() if key in chosen}


def _fold(label: str, icon: str, keys: Sequence[str], chosen: Values, draw_widgets: Callable[[Values], None]) -> None:
    """Controls in a fold; in none where a link hides them all.

    Args:
        label: of the fold.
        icon: of the fold.
        keys: of the controls.
        chosen: takes their values.
        draw_widgets: draws them.
    """
    shown = [key for key in keys if key == "delta" or _state.control(key, chosen)]  # δ depends on the constraint
    is_hidden = all(key in st.session_state.locks.hide for key in shown)
    with st.container() if is_hidden else st.expander(label, icon=icon):
        draw_widgets(chosen)


def _domains(chosen: Values) -> None:
    left, right = st.columns(2)
    with left:
        _ask(
            "from",
            "Train on",
            chosen,
            help="Domain of the training images, including the base images of the poisoned samples.",
        )
    with right:
        _ask("to", "Test on", chosen, help="A domain other than the training domain is a domain shift.")


def _attack_parameters(chosen: Values) -> None:
    for key in _state.parameter_keys():
        label, help_ = parameter_words(key, str(chosen["attack"]))
        _ask(key, label, chosen, help=help_)
    _ask("evade", "Defence to evade", chosen, help=_evade_help())


def _rules(chosen: Values) -> None:
    _ask("constraint", "Constraint", chosen, help=_bullets(CONSTRAINT_WORDS, CONSTRAINTS))
    _ask("delta", "δ, in steps of 1/255", chosen, help="Maximum change of a pixel.")
    _ask("labels", "Poison labels", chosen, help=_bullets(LABEL_TITLES, LABEL_RULES))


def _sizes(chosen: Values) -> None:
    _ask("px", "Input size", chosen, help="Side length of the extractor's input; larger is slower.")
    _ask("side", "Side of your images", chosen, help=_SIDE_HELP)
    _ask("train", "Training images", chosen, help="Clean images that the head is trained on.")
    _ask("test", "Test images", chosen, help="Accuracy is measured on them; the attack never sees them.")
    _ask("ridge", "Ridge λ", chosen, help="L2 penalty on the head's weights; larger values regularise it more.")
    _ask("seed", "Seed", chosen, help="Random seed: the same seed gives the same result.")


def _attacker(chosen: Values) -> None:
    reasons = [_state.why_not(key, chosen) for key in _knowledge.KEYS]
    points, ridge, extractor = _knowledge.KEYS
    _ask(points, "It makes its poison on", chosen, help=_POINTS_HELP)
    _ask(ridge, "λ that it expects, in multiples of the true one", chosen, help=_RIDGE_HELP)
    _ask(extractor, "Extractor that it has", chosen, help=_STAND_IN_HELP)
    for reason in filter(None, reasons):
        st.caption(reason)


def setting_words(chosen: Values) -> str:
    """How the extractor's pretraining data relate to the head's training data."""
    domains = [str(chosen[key]) if key in chosen else None for key in ("from", "to")]
    if "extractor" not in chosen:
        return "Feature vectors, used as given: no extractor, and no attack that needs pixels."
    title, meaning = choices.SETTINGS[choices.setting(str(chosen["data"]), str(chosen["extractor"]), *domains)]
    return f"Setting: **{title}**; {meaning}"


def _ask(key: str, label: str, chosen: Values, *, help: str) -> None:
    """Draw the widget of one key, where it applies, and note its value in `chosen`."""
    setting = _state.control(key, chosen)
    if setting is None:
        return
    name, locks = widget_key(key), st.session_state.locks
    if st.session_state.get(name) is None:  # not drawn before, or emptied by hand
        st.session_state[name] = setting.default
    # A locked control that another choice made impossible for a while comes back to what the link says.
    fitted = setting.near(st.session_state.pins.get(key, st.session_state[name]))
    if fitted != st.session_state[name]:  # impossible since an earlier choice changed
        st.session_state[name] = fitted
    if key in locks.hide:
        chosen[key] = fitted
        st.session_state[name] = fitted  # Streamlit forgets the state of a widget that is no longer drawn
        return
    # The state goes along as the widget's own default, too: a browser that misses the message which sets it, as
    # when the run is interrupted, would answer with the smallest number or the first option.
    if isinstance(setting, Number):
        value: Value | None = _number(key, label, setting, help, float(fitted))
    else:
        value = _choice(key, label, setting, help, fitted)
    chosen[key] = setting.default if value is None else setting.near(value)


def _choice(key: str, label: str, choice: Choice[str] | Choice[int], help: str, now: Value) -> Value | None:
    options: list[Value] = list(choice.options)
    words: dict[Value, str] = dict(choice.options.items())
    if isinstance(choice, UploadChoice):
        own = uploads.all_data if key == "data" else uploads.all_weights
        words.update((name, record.title) for name, record in own(_runs.owner()).items())
        if now not in words:  # a link names it
            words[now] = choices.title(data_info if key == "data" else extractor_info, str(now))
        options = list(words)
    if isinstance(choice, SideChoice) and now not in words:  # a link names it
        words[now] = pixels(int(now))
        options.append(now)
    if key in SHORT_WORDS:
        words.update(SHORT_WORDS[key].items())
    shown = [words[value] for value in options]
    off = key in st.session_state.locks.lock
    if sum(map(len, shown)) > SIDE_BY_SIDE or key in ("from", "to"):
        return st.selectbox(
            label,
            options,
            options.index(now),
            format_func=words.__getitem__,
            key=widget_key(key),
            help=help,
            disabled=off,
        )
    return st.segmented_control(
        label,
        options,
        default=now,
        format_func=words.__getitem__,
        key=widget_key(key),
        help=help,
        required=True,
        width="stretch",
        disabled=off,
    )


def _number(key: str, label: str, number: Number, help: str, now: float) -> float | None:
    name, off = widget_key(key), key in st.session_state.locks.lock
    low, high = number.low, number.high
    if key == "budget":
        return st.slider(label, low, high, now, 0.5, format="%g %%", key=name, help=help, disabled=off)
    if isinstance(number, Whole):
        step = 1 if high <= _state.LEVELS or key == "seed" else 10 if number.default < 500 else 100
        return st.number_input(label, number.low, number.high, int(now), step, key=name, help=help, disabled=off)
    tenth = float(number.default) / 10
    return st.number_input(label, float(low), float(high), now, tenth, format="%g", key=name, help=help, disabled=off)


def parameter_words(key: str, attack: str = "") -> tuple[str, str]:
    """The label and help of a parameter in the sidebar; of the first attack that has it where none is named."""
    names = [attack] if attack else list(ATTACKS)
    schemas = (parameters(ATTACKS[name].settings) for name in names)
    schema = next((schema[key] for schema in schemas if key in schema), {})
    return str(schema.get("title", key)), str(schema.get("description", ""))


def _extractor_help() -> str:
    lines = (
        f"- **{record.title}**: {record.method}, {record.width} features; {record.paper}; {record.licence}"
        for record in EXTRACTORS.values()
    )
    return "The frozen network that turns an image into features.\n\n" + "\n".join(lines)


def _attack_help() -> str:
    return "\n".join(f"- **{record.title}**: {record.about}" for record in ATTACKS.values())


def _evade_help() -> str:
    lines = "\n".join(f"- **{DEFENCES[name].title}**: {DEFENCES[name].summary}" for name in EVADABLE)
    return (
        "An adaptive attacker: fits this defence to the clean images and makes poisoned samples that pass it. "
        f"The page *Defend* shows how much the defence still removes.\n\n{lines}"
    )


def _bullets(words: dict[str, str], meanings: dict[str, str]) -> str:
    return "\n".join(f"- **{words.get(name, name)}**: {meaning}" for name, meaning in meanings.items())


def widget_key(key: str) -> str:
    """The key of the widget of a setting, and of its value in the session."""
    return f"ask-{key}"
