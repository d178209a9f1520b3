"""What can be chosen in the sidebar, and its form in the URL. No Streamlit here.

A page's state is a dictionary of values by short keys (`KEYS`). Which values a key may take can depend on
the keys before it: `control` says so, and the sidebar's widgets, the reader of links and the writer of links
all ask it, so that they can't disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from core.catalog import uploads
from core.catalog.choices import ATTACK_TITLES, constraints_of, label_rules_of, resolve, unread_parameters
from core.catalog.lookup import data_info, extractor_info
from core.data import torchvision_sets
from core.data.registry import DATA, DataInfo
from core.defences.spec import ABOUT as DEFENCES
from core.extractors.registry import EXTRACTORS
from core.spec.experiment import (
    ATTACK_SPECS,
    CONSTRAINTS,
    LABEL_RULES,
    Evade,
    ExperimentSpec,
    attack_parameters,
    parse_spec,
)
from core.system.errors import PoisonLabError, SpecError
from pages._controls import Choice, Control, Number, Value, Whole, number_text, quoted, read

Values = dict[str, Value]

BUDGET_PERCENT = (0.5, 30.0)
LEVELS = 255
"""δ is chosen in steps of the 8-bit images that are exported."""
_SMALLEST = 1e-6
"""In place of a bound that is itself excluded."""

PARAMETERS: tuple[str, ...] = tuple(
    dict.fromkeys(
        ("stage2", "target", "radius", "bases", *(key for name in ATTACK_SPECS for key in attack_parameters(name)))
    )
)
"""Every parameter of any attack; those that others depend on come first."""

SPEC_FIELDS: dict[str, str] = {
    "data": "data",
    "from": "train_domain",
    "to": "test_domain",
    "extractor": "extractor",
    "px": "input_size",
    "attack": "attack",
    "evade": "evade",
    "budget": "budget",
    "constraint": "constraint",
    "delta": "delta",
    "labels": "label_rule",
    "train": "train_size",
    "test": "test_size",
    "ridge": "ridge",
    "seed": "seed",
}
"""The field of `ExperimentSpec` behind each key that is not a parameter of an attack."""

KEYS: tuple[str, ...] = (
    *("data", "from", "to", "extractor", "px", "attack"),
    *PARAMETERS,
    *("evade", "budget", "constraint", "delta", "labels", "train", "test", "ridge", "seed"),
)

LOCKS: tuple[str, ...] = ("lock", "hide")
"""Keys of a link that name controls: those that can't be changed, and those that are not even shown."""

NO_DEFENCE = "none"
"""What a link says where the poison has no defence to pass."""

_DEFAULT = ExperimentSpec()


@dataclass(frozen=True)
class Brought(Choice[str]):
    """A choice that also takes an upload by its name, of which there is no list here: whoever has it may use it."""

    def parse(self, text: str) -> str | None:
        """The value that a link means, or None."""
        value = super().parse(text)
        return text if value is None and self._is_here(text) else value

    def near(self, value: Value) -> str:
        """The value itself where it may be chosen, else the default."""
        return str(value) if self._is_here(str(value)) else super().near(value)

    def _is_here(self, name: str) -> bool:
        info = data_info if self.default in DATA else extractor_info
        try:
            return uploads.is_upload(name) and info(name) is not None
        except PoisonLabError:
            return False


Setting = Choice[str] | Choice[int] | Number
"""The controls of the sidebar."""


def control(key: str, chosen: Mapping[str, Value]) -> Setting | None:
    """What may be chosen for a key, given the keys before it; None where it has no use."""
    data = data_info(str(chosen.get("data", _DEFAULT.data)))
    extractor = extractor_info(str(chosen.get("extractor", _DEFAULT.extractor)))
    attack = str(chosen.get("attack", _DEFAULT.attack.name))
    match key:
        case "data":
            return Brought({name: _data_title(record) for name, record in DATA.items()}, _DEFAULT.data)
        case "from" | "to" if data.domains:
            default = data.domains[0] if key == "from" else str(chosen["from"])
            return Choice({name: name for name in data.domains}, default)
        case "extractor":
            return Brought({name: record.title for name, record in EXTRACTORS.items()}, _DEFAULT.extractor)
        case "px" if len(extractor.input_sizes) > 1:
            return Choice({size: f"{size} px" for size in extractor.input_sizes}, extractor.input_sizes[0])
        case "attack":
            return Choice({name: ATTACK_TITLES.get(name, name) for name in ATTACK_SPECS}, _DEFAULT.attack.name)
        case "evade":
            titles = {name: DEFENCES[name].title for name in get_args(Evade)}
            return Choice({NO_DEFENCE: "None", **titles}, NO_DEFENCE)
        case "budget":
            return Number(*BUDGET_PERCENT, round(100 * _DEFAULT.budget, 6))
        case "constraint":
            return Choice({name: CONSTRAINTS[name] for name in constraints_of(attack)}, _DEFAULT.constraint)
        case "delta" if chosen["constraint"] == "perturbation":
            return Whole(1, LEVELS, round(LEVELS * _DEFAULT.delta))
        case "labels":
            return Choice({name: LABEL_RULES[name] for name in label_rules_of(attack)}, _DEFAULT.label_rule)
        case "train" | "test":
            most = data.train_images if key == "train" else data.test_images
            usual = _DEFAULT.train_size if key == "train" else _DEFAULT.test_size
            return Whole(2 * len(data.classes), most, min(usual, most))
        case "ridge":
            return Number(_SMALLEST, 1e3, _DEFAULT.ridge)
        case "seed":
            return Whole(0, 2**31 - 1, _DEFAULT.seed)
        case _ if key in PARAMETERS:
            return _parameter(attack, key, chosen)
    return None


def _data_title(record: DataInfo) -> str:
    return record.title if torchvision_sets.present(record) else f"{record.title} (to be fetched)"


def _parameter(attack: str, key: str, chosen: Mapping[str, Value]) -> Choice[str] | Number | None:
    schemas = attack_parameters(attack)
    schema = schemas.get(key)
    given = {name: chosen.get(name, about["default"]) for name, about in schemas.items()}
    if schema is None or key in unread_parameters(given, str(chosen.get("labels", ""))):
        return None
    if "enum" in schema:
        return Choice({name: name for name in schema["enum"]}, schema["default"])
    low, excluded = schema.get("minimum", 0), schema.get("exclusiveMinimum")
    if schema["type"] == "integer":
        return Whole(low if excluded is None else excluded + 1, schema["maximum"], schema["default"])
    return Number(low if excluded is None else excluded + _SMALLEST, schema["maximum"], schema["default"])


def defaults() -> Values:
    """The values of a link without any."""
    return from_query({})[0]


def fit(values: Mapping[str, Value]) -> Values:
    """Values that can be chosen together: what is impossible moves to the nearest or to its default."""
    fitted: Values = {}
    for key in KEYS:
        setting = control(key, fitted)
        if setting is not None:
            fitted[key] = setting.near(values[key]) if key in values else setting.default
    return fitted


def no_use(key: str) -> str:
    """The sentence on a key of a link that makes no difference."""
    return f"`{key}` has no use with the other settings and is left out."


def from_query(query: Mapping[str, str], own: Sequence[str] = ()) -> tuple[Values, list[str]]:
    """Read a link.

    Args:
        own: further keys, which the page reads itself.

    Returns:
        Values for all keys that have a use, the default where the link names none or a bad one; and one
        sentence about each thing in the link that is not followed.
    """
    values: Values = {}
    problems: list[str] = []
    for key in KEYS:
        setting: Control[Value] | None = control(key, values)
        text = query.get(key)
        if setting is None:
            if text is not None:
                problems.append(no_use(key))
            continue
        values[key], problem = read(key, setting, text)
        problems += problem
    unknown = [f"`{quoted(key)}`" for key in query if key not in (*KEYS, *own)]
    if unknown:
        problems.append(f"Unknown: {', '.join(unknown)}. Known: {', '.join((*KEYS, *own))}.")
    return values, problems


def to_query(values: Mapping[str, Value]) -> dict[str, str]:
    """The link to a state; defaults are left out."""
    fitted = fit(values)
    settings = {key: control(key, fitted) for key in fitted}
    return {
        key: number_text(value)
        for key, value in fitted.items()
        if (setting := settings[key]) is not None and value != setting.default
    }


@dataclass(frozen=True)
class Locks:
    """Controls that a link keeps as they are, by key: `lock` shows them, `hide` does not."""

    lock: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every control that can't be changed."""
        return tuple(key for key in KEYS if key in (*self.lock, *self.hide))


def locks_from_query(query: Mapping[str, str]) -> tuple[Locks, list[str]]:
    """Read which controls a link locks; one sentence on names that are no control."""
    locked: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for kind in LOCKS:
        names = [name.strip() for name in query.get(kind, "").split(",") if name.strip()]
        unknown = [f"`{quoted(name)}`" for name in names if name not in KEYS]
        if unknown:
            problems.append(f"`{kind}` names {', '.join(unknown)}, which is no control. Known: {', '.join(KEYS)}.")
        locked[kind] = tuple(key for key in KEYS if key in names)
    return Locks(**locked), problems


def locks_to_query(locks: Locks) -> dict[str, str]:
    """The part of a link that locks controls."""
    return {kind: ",".join(names) for kind in LOCKS if (names := getattr(locks, kind))}


def to_spec(values: Mapping[str, Value]) -> ExperimentSpec:
    """The experiment that a state asks for.

    Raises:
        SpecError: the combination makes no sense.
    """
    attack = {key: value for key, value in values.items() if key in PARAMETERS}
    fields: dict[str, object] = {SPEC_FIELDS[key]: value for key, value in values.items() if key in SPEC_FIELDS}
    fields["attack"] = {"name": values["attack"], **attack}
    if fields.get("evade") == NO_DEFENCE:
        del fields["evade"]
    fields["budget"] = round(float(values["budget"]) / 100, 8)
    if "delta" in values:
        fields["delta"] = int(values["delta"]) / LEVELS
    return resolve(parse_spec(fields))


def from_spec(spec: ExperimentSpec) -> Values:
    """The state that asks for an experiment.

    Raises:
        SpecError: the sidebar can't express it, e.g. a budget beyond its slider.
    """
    stated: Values = {key: getattr(spec, field) for key, field in SPEC_FIELDS.items() if key != "attack"}
    stated = {key: value for key, value in stated.items() if value is not None}
    stated |= {"budget": round(100 * spec.budget, 6), "delta": round(LEVELS * spec.delta)}
    stated |= spec.attack.model_dump()
    stated["attack"] = stated.pop("name")
    values = fit(stated)
    if to_spec(values).hash != resolve(spec).hash:
        raise SpecError("These settings can't be chosen in the sidebar; use the command line.")
    return values
