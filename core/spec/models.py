"""The base of everything that a person asks for, and of the settings of every attack."""

import functools
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.system.errors import RecordError, SpecError


class Frozen(BaseModel):
    """What a person asks for: never changed, nothing unknown in it, all numbers finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AttackSettings(Frozen):
    """What a person chooses of an attack.

    A subclass fixes `name` by a `Literal` with a default and adds the attack's parameters as fields. Each has bounds,
    a `title` for the sidebar, a `description` for whoever asks, and, where its values are names, `choices`.
    """

    name: str = ""

    @property
    def uses_target(self) -> bool:
        """Whether the attack aims at target parameters."""
        return False

    def unread(self, label_rule: str) -> set[str]:
        """Parameters that the other parameters, or the label rule, switch off: they go back to their defaults."""
        return set()


class UnknownAttack(AttackSettings):
    """Settings of an attack of a plug-in that is not here: a stored result is shown, but can't be run again."""

    model_config = ConfigDict(extra="allow")


def choices(**words: str) -> dict[str, Any]:
    """What the values of a parameter are called, for `Field(json_schema_extra=choices(…))`."""
    return {"choices": words}


@functools.cache  # a page asks hundreds of times, and pydantic makes the schema anew each time
def parameters(settings: type[Frozen]) -> Mapping[str, dict[str, Any]]:
    """Each parameter of an attack or a defence with its default, bounds and meaning, as JSON schema: read only."""
    properties: dict[str, dict[str, Any]] = settings.model_json_schema()["properties"]
    return {key: value for key, value in properties.items() if key != "name"}


def default_name(settings: type[Frozen]) -> str:
    """The name that settings fix.

    Raises:
        RecordError: they fix none, or one that links and command lines could not hold.
    """
    field = settings.model_fields.get("name")
    if field is None or not isinstance(field.default, str) or not field.default:
        raise RecordError(f'{settings.__name__} has no name: give it `name: Literal["…"] = "…"`')
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", field.default) or field.default in NO_NAMES:
        raise RecordError(
            f"the name {field.default!r} is not allowed: take small letters, digits and hyphens, at most 40, a letter "
            f"first, and none of {', '.join(NO_NAMES)}"
        )
    return field.default


NO_NAMES = ("flips", "none")
"""What sweeps and links call the baseline, and no defence."""


def check_settings(settings: object, base: type[Frozen], owner: str) -> None:
    """Check that settings can be shown and validated: each parameter needs a description and bounds, or names.

    Args:
        settings: what a record names as its settings.
        base: the class that they have to extend.
        owner: "attack" or "defence", for messages.

    Raises:
        RecordError: what is missing, by name.
    """
    if not isinstance(settings, type) or not issubclass(settings, base):
        raise RecordError(f"settings of the {owner} is {settings!r}; it has to be a class that extends {base.__name__}")
    name = default_name(settings)
    if not (settings.__doc__ or "").strip() or "__doc__" not in vars(settings):
        raise RecordError(f"the settings of {owner} {name!r} have no docstring, which says in one line what it does")
    try:
        settings()
    except ValidationError as error:
        missing = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise RecordError(f"parameter {missing!r} of {owner} {name!r} has no default that is allowed") from error
    for parameter, schema in parameters(settings).items():
        if not schema.get("description"):
            raise RecordError(f"parameter {parameter!r} of {owner} {name!r} has no description")
        if not _is_bounded(schema) and not _has_names(schema):
            raise RecordError(
                f"parameter {parameter!r} of {owner} {name!r} is neither a number with a lower and an upper bound, nor "
                "one of several names"
            )


def _is_bounded(schema: Mapping[str, Any]) -> bool:
    """Whether a JSON schema is that of a number with bounds on both sides, as a control needs them."""
    is_number = schema.get("type") in ("integer", "number")
    low, high = ({"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"})
    return is_number and bool(low & schema.keys()) and bool(high & schema.keys())


def _has_names(schema: Mapping[str, Any]) -> bool:
    """Whether a JSON schema is that of a choice among texts."""
    return "enum" in schema and all(isinstance(value, str) for value in schema["enum"])


def validated(settings: type[Frozen], values: Mapping[str, Any], what: str) -> Frozen:
    """Settings from untrusted values.

    Args:
        settings: the model.
        values: by parameter.
        what: a parameter in an error message, with {} for its name, such as "attack.{}".

    Raises:
        SpecError: one sentence that names the parameter, what it got and what is allowed.
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise spec_error(error, what, [name for name in settings.model_fields if name != "name"]) from error


def spec_error(error: ValidationError, what: str, allowed: list[str]) -> SpecError:
    """The first problem that pydantic found, as a sentence.

    Args:
        what: a field in the message, with {} for its name.
        allowed: the fields that there are.
    """
    first = error.errors()[0]
    where = what.format(".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        return SpecError(f"Unknown field {where!r}. Allowed: {', '.join(sorted(allowed)) or 'none'}.")
    if where == "budget" and first["type"] in {"greater_than", "less_than_equal"}:
        return SpecError(f"budget is {first['input']}; allowed: more than 0, at most 1.")
    return SpecError(f"{where} is {first['input']!r}; {lower_first(first['msg'])}.")


def lower_first(message: str) -> str:
    """A message of pydantic as the second part of a sentence."""
    return message[:1].lower() + message[1:]
