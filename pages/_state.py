"""What can be chosen in the sidebar, and its form in the URL. No Streamlit here.

A page's state is a dictionary of values by short keys (`all_keys`). Which values a key may take can depend on
the keys before it: `control` says so, and the sidebar's widgets, the reader of links and the writer of links
all ask it, so that they can't disagree.
"""

import functools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.attacks.registry import RECORDS as ATTACKS
from core.catalog.choices import defence_title, least_size, resolve
from core.catalog.lookup import data_info, extractor_info
from core.data import torchvision_sets
from core.data.registry import DATA, DataInfo, is_user_supplied
from core.extractors.registry import EXTRACTORS
from core.spec import defaults as spec_defaults
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, ExperimentSpec, parse_spec
from core.spec.models import AttackSettings, parameters
from core.spec.registry import EVADABLE
from core.system import paths
from core.system.errors import PoisonLabError, SpecError
from pages import _knowledge
from pages._controls import Choice, Control, Number, Value, Whole, number_text, quoted, read
from pages._side import AUTOMATIC, pixels, side_choice
from pages._upload_choice import UploadChoice

Values = dict[str, Value]

BUDGET_PERCENT = (0.5, 30.0)
LOOK_SECONDS = 10.0
LEVELS = 255
"""δ is chosen in steps of the 8-bit images that are exported."""
_SMALLEST = 1e-6
"""In place of a bound that is itself excluded."""

SPEC_FIELDS: dict[str, str] = {
    "data": "data",
    "from": "train_domain",
    "to": "test_domain",
    "extractor": "extractor",
    "px": "input_size",
    "side": "side",
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

LOCKS: tuple[str, ...] = ("lock", "hide")
"""Keys of a link that name controls: those that can't be changed, and those that are not even shown."""

NO_DEFENCE = "none"
"""The value in a link where there is no defence to evade."""

VERSION = spec_defaults.KEY
"""The key of a link that names the version of the defaults which fill it up; see `core.spec.defaults`."""


def parameter_keys() -> tuple[str, ...]:
    """Every parameter of any attack; those that others depend on come first."""
    return _parameter_keys(tuple(record.settings for record in ATTACKS.values()))


@functools.lru_cache(maxsize=16)  # a page asks for them hundreds of times; other plug-ins are other settings
def _parameter_keys(attacks: tuple[type[AttackSettings], ...]) -> tuple[str, ...]:
    own = (key for settings in attacks for key in parameters(settings))
    return tuple(dict.fromkeys(("stage2", "target", "radius", "bases", *own)))


def all_keys() -> tuple[str, ...]:
    """The key of everything that can be chosen, in the order in which choices depend on each other."""
    return (
        *("data", "from", "to", "extractor", "px", "side", "attack"),
        *parameter_keys(),
        *("evade", "budget", "constraint", "delta", "labels", "train", "test", "ridge", "seed"),
        *_knowledge.KEYS,
    )


def default_attack(name: str, version: int) -> AttackSettings:
    """An attack with the defaults of a version."""
    return _default_spec(version, attack=name).attack


def _default_spec(version: int, *, data: str | None = None, attack: str | None = None) -> ExperimentSpec:
    """The experiment of a version that names nothing, or only data or an attack that there are."""
    own = None if attack is None else ATTACKS[attack].settings
    return parsed_default(version, data, attack, own)


@functools.lru_cache(maxsize=256)  # a page asks for them hundreds of times
def parsed_default(
    version: int, data: str | None, attack: str | None, settings: type[AttackSettings] | None
) -> ExperimentSpec:
    """Arguments as of `_default_spec`, and the settings of the attack: those of another plug-in may have its name."""
    named = {"data": data, "attack": attack, VERSION: version}
    return parse_spec({key: value for key, value in named.items() if value is not None})


Setting = Choice[str] | Choice[int] | Number
"""The controls of the sidebar."""


def control(key: str, chosen: Mapping[str, Value], version: int | None = None) -> Setting | None:
    """What may be chosen for a key, given the keys before it; None where it does not apply.

    Args:
        key: of `all_keys`.
        chosen: values of the keys before it.
        version: of the defaults; None: of today's.
    """
    version = version or spec_defaults.CURRENT
    default = _default_spec(version)
    data = data_info(str(chosen.get("data", default.data)))
    if data.width:
        if key in ("extractor", "px", "side"):
            return None
        default = _default_spec(version, data=data.name)
    extractor = extractor_info(str(chosen.get("extractor", default.extractor)))
    attack = str(chosen.get("attack", default.attack.name))
    match key:
        case "data":
            return UploadChoice(_data_titles(), default.data)
        case "from" | "to" if data.domains:
            usual = data.domains[0] if key == "from" else str(chosen["from"])
            return Choice({name: name for name in data.domains}, usual)
        case "extractor":
            return UploadChoice({name: record.title for name, record in EXTRACTORS.items()}, default.extractor)
        case "px" if len(extractor.input_sizes) > 1:
            return Choice({size: pixels(size) for size in extractor.input_sizes}, extractor.input_sizes[0])
        case "side" if is_user_supplied(data.name):
            return side_choice(data, int(chosen.get("px", extractor.input_sizes[0])), default.side)
        case "attack":
            fit = [record for record in ATTACKS.values() if not (data.width and record.needs_pixels)]
            return Choice({record.name: record.title for record in fit}, default.attack.name)
        case "evade":
            titles = {name: defence_title(name) for name in EVADABLE}
            return Choice({NO_DEFENCE: "None", **titles}, NO_DEFENCE)
        case "budget":
            return Number(*BUDGET_PERCENT, round(100 * default.budget, 6))
        case "constraint":
            names = [name for name in ATTACKS[attack].constraints if name != "perturbation" or not data.width]
            return Choice({name: CONSTRAINTS[name] for name in names}, default.constraint)
        case "delta" if chosen["constraint"] == "perturbation":
            return Whole(1, LEVELS, round(LEVELS * default.delta))
        case "labels":
            rule = _default_spec(version, attack=attack).label_rule
            return Choice({name: LABEL_RULES[name] for name in ATTACKS[attack].label_rules}, rule)
        case "train" | "test":
            most = data.train_images if key == "train" else data.test_images
            size = default.train_size if key == "train" else default.test_size
            least = min(
                least_size(data, f"{key}_size"), most
            )  # with fewer images than that, `resolve` refuses the data
            return Whole(least, most, min(size, most))
        case "ridge":
            return Number(_SMALLEST, 1e3, default.ridge)
        case "seed":
            return Whole(0, 2**31 - 1, default.seed)
        case _ if key in _knowledge.KEYS:
            return _knowledge.control(key, chosen, data)
        case _ if key in parameter_keys():
            return _parameter(default_attack(attack, version), key, chosen)
    return None


def _data_titles() -> dict[str, str]:
    """The words for each data set."""
    folder, period = str(paths.data()), int(time.monotonic() / LOOK_SECONDS)
    return {
        name: record.title if _is_present(record, folder, period) else f"{record.title} (not downloaded)"
        for name, record in DATA.items()
    }


@functools.lru_cache(maxsize=256)
def _is_present(record: DataInfo, folder: str, period: int) -> bool:
    """Whether a data set is on this machine, as looked up once in a period.

    A page asks for every control dozens of times, and each look at the disk would make it wait for all other pages.
    """
    return torchvision_sets.present(record)


def _parameter(usual: AttackSettings, key: str, chosen: Mapping[str, Value]) -> Choice[str] | Number | None:
    """The control of a parameter of an attack.

    Args:
        usual: the attack with its defaults.
        key: the parameter, of whichever attack.
        chosen: values of the keys before it.
    """
    schemas = parameters(type(usual))
    if key not in schemas:
        return None
    # Every value was fitted to its control before, so that nothing has to be validated again.
    given = usual.model_copy(update={name: chosen[name] for name in schemas if name in chosen})
    if key in given.unread(str(chosen.get("labels", ""))):
        return None
    schema, default = schemas[key], getattr(usual, key)
    if "enum" in schema:
        words = schema.get("choices", {})
        return Choice({name: words.get(name, name) for name in schema["enum"]}, default)
    nearest = 1 if schema["type"] == "integer" else _SMALLEST
    low = schema["minimum"] if "minimum" in schema else schema["exclusiveMinimum"] + nearest
    high = schema["maximum"] if "maximum" in schema else schema["exclusiveMaximum"] - nearest
    return Whole(low, high, default) if schema["type"] == "integer" else Number(low, high, default)


def defaults() -> Values:
    """The values of a link without any."""
    return from_query({})[0]


def fit(values: Mapping[str, Value]) -> Values:
    """Values that can be chosen together: what is impossible moves to the nearest or to its default."""
    fitted: Values = {}
    for key in all_keys():
        setting = control(key, fitted)
        if setting is not None:
            fitted[key] = setting.near(values[key]) if key in values else setting.default
    return fitted


def not_applicable(key: str, chosen: Mapping[str, Value] | None = None) -> str:
    """What to say of a key of a link that makes no difference.

    Args:
        key: of the link.
        chosen: values of the keys before it, where it is one of `all_keys`.
    """
    reason = why_not(key, chosen) if chosen else ""
    return f"`{key}` does not apply to the other settings and is ignored.{reason and f' {reason}'}"


def why_not(key: str, chosen: Mapping[str, Value]) -> str:
    """Why a key does not apply, in a sentence; "" where it does, or where there is no more to say than that."""
    return _knowledge.why_not(key, chosen, data_info(str(chosen["data"]))) if key in _knowledge.KEYS else ""


def from_query(query: Mapping[str, str], own: Sequence[str] = ()) -> tuple[Values, list[str]]:
    """Read the settings of a link.

    Args:
        query: the link, which may lock controls; of lessons it says nothing.
        own: further keys, which the page reads itself.

    Returns:
        Values for all keys that have a use, the default where the link names none or a bad one; and one
        sentence about each thing in the link that is not followed.
    """
    version, problems = _version(query, own)
    values, others = _values(query, version)
    problems += others
    unknown = [f"`{quoted(key)}`" for key in query if key not in (*all_keys(), VERSION, *LOCKS, *own)]
    if unknown:
        problems.append(f"Unknown: {', '.join(unknown)}. Known: {', '.join((*all_keys(), VERSION, *own))}.")
    return values, problems


def _values(query: Mapping[str, str], version: int) -> tuple[Values, list[str]]:
    """The values of a link, filled up by a version of the defaults, and a sentence about each that is not followed."""
    values: Values = {}
    problems: list[str] = []
    for key in all_keys():
        setting: Control[Value] | None = control(key, values, version)
        text = query.get(key)
        if setting is None:
            if text is not None:
                problems.append(not_applicable(key, values))
            continue
        values[key], problem = read(key, setting, text)
        problems += problem
    return values, problems


def _version(query: Mapping[str, str], own: Sequence[str]) -> tuple[int, list[str]]:
    """The version of the defaults that fill up a link; what is wrong with it, where something is.

    A bare address means today's; a link that says anything, and no version, is from before there were versions.
    """
    if not any(key in query for key in (*all_keys(), VERSION, *LOCKS, *own)):
        return spec_defaults.CURRENT, []
    try:
        return spec_defaults.version_of(query), []
    except SpecError:
        problem = f"`{VERSION}` is `{quoted(query[VERSION])}`; allowed: {spec_defaults.allowed()}."
        return spec_defaults.FIRST, [f"{problem} Using {spec_defaults.FIRST} instead."]


def to_query(values: Mapping[str, Value]) -> dict[str, str]:
    """The link to a state; defaults are left out, and their version is named where it makes a difference."""
    fitted = fit(values)
    settings = {key: control(key, fitted) for key in fitted}
    return versioned(
        {
            key: number_text(value)
            for key, value in fitted.items()
            if (setting := settings[key]) is not None and value != setting.default
        }
    )


def versioned(query: Mapping[str, str], own: Sequence[str] = ()) -> dict[str, str]:
    """A link that names the version of the defaults which it leaves out, where the first would mean something else.

    A bare one stays bare, and so does one that only says how far somebody is in the lessons.

    Args:
        own: keys that the page reads itself.
    """
    known = all_keys()
    says_something = any(key in query for key in (*known, *LOCKS, *own))
    if says_something:
        settings = tuple((key, query[key]) for key in known if key in query)
        if is_version_dependent(settings, tuple(ATTACKS), str(paths.home()), int(time.monotonic() / LOOK_SECONDS)):
            return {**query, VERSION: str(spec_defaults.CURRENT)}
    return dict(query)


@functools.lru_cache(maxsize=1024)  # a page asks several times for its link, which asks for all controls twice
def is_version_dependent(
    settings: tuple[tuple[str, str], ...], attacks: tuple[str, ...], home: str, period: int
) -> bool:
    """Whether the settings of a link mean something else by the first defaults than by today's.

    Args:
        settings: keys and texts of the link.
        attacks: that can be chosen.
        home: where uploads are, which a link may name.
        period: in which it is looked up once.
    """
    query = dict(settings)
    return _values(query, spec_defaults.FIRST) != _values(query, spec_defaults.CURRENT)


@dataclass(frozen=True)
class Locks:
    """Controls that a link keeps as they are, by key: `lock` shows them, `hide` does not."""

    lock: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every control that can't be changed."""
        return tuple(key for key in all_keys() if key in (*self.lock, *self.hide))


def locks_from_query(query: Mapping[str, str]) -> tuple[Locks, list[str]]:
    """Read which controls a link locks; one sentence on names that are no control."""
    locked: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for kind in LOCKS:
        names = [name.strip() for name in query.get(kind, "").split(",") if name.strip()]
        unknown = [f"`{quoted(name)}`" for name in names if name not in all_keys()]
        if unknown:
            problems.append(
                f"`{kind}` names {', '.join(unknown)}, which is no control. Known: {', '.join(all_keys())}."
            )
        locked[kind] = tuple(key for key in all_keys() if key in names)
    return Locks(**locked), problems


def locks_to_query(locks: Locks) -> dict[str, str]:
    """The part of a link that locks controls."""
    return {kind: ",".join(names) for kind in LOCKS if (names := getattr(locks, kind))}


def to_spec(values: Mapping[str, Value]) -> ExperimentSpec:
    """The experiment that a state asks for.

    Raises:
        SpecError: the combination makes no sense.
    """
    attack = {key: value for key, value in values.items() if key in parameter_keys()}
    fields: dict[str, object] = {SPEC_FIELDS[key]: value for key, value in values.items() if key in SPEC_FIELDS}
    fields["attack"] = {"name": values["attack"], **attack}
    if fields.get("evade") == NO_DEFENCE:
        del fields["evade"]
    if fields.get("side") == AUTOMATIC:
        del fields["side"]
    fields["budget"] = round(float(values["budget"]) / 100, 8)
    if "delta" in values:
        fields["delta"] = int(values["delta"]) / LEVELS
    fields |= _knowledge.to_fields(values)
    return resolve(parse_spec({**fields, VERSION: spec_defaults.CURRENT}))


def from_spec(spec: ExperimentSpec) -> Values:
    """The state that asks for an experiment.

    Raises:
        SpecError: the sidebar can't express it, e.g. a budget beyond its slider.
    """
    stated: Values = {key: getattr(spec, field) for key, field in SPEC_FIELDS.items() if key != "attack"}
    stated = {key: value for key, value in stated.items() if value is not None}
    stated |= {"budget": round(100 * spec.budget, 6), "delta": round(LEVELS * spec.delta)}
    stated |= dict(spec.attack) | _knowledge.from_spec(spec)
    stated["attack"] = stated.pop("name")
    values = fit(stated)
    try:
        is_same = to_spec(values).hash == resolve(spec).hash
    except PoisonLabError as error:  # e.g. images that are gone, or are read otherwise by now
        raise SpecError(f"These settings can't be used any more: {error}") from error
    if not is_same:
        raise SpecError("These settings can't be chosen in the sidebar; use the command line.")
    return values
