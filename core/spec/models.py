"""The base classes of user input and of the settings of attacks, and their validation."""

import functools
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from core.system.errors import RecordError, SpecError


class Frozen(BaseModel):
    """Base of models of user input: immutable, without unknown fields, all numbers finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AttackSettings(Frozen):
    """The parameters of an attack.

    A subclass fixes `name` by a `Literal` with a default and adds the attack's parameters as fields. Each has bounds,
    a `title` for the sidebar, a `description` for help texts and, if its values are names, `choices`. `label_rule` is
    the rule for its poison's labels where a spec gives none; it must be one that the attack supports.
    """

    label_rule: ClassVar[str] = "adversarial"
    name: str = ""

    @property
    def uses_target(self) -> bool:
        """Whether the attack aims at target parameters."""
        return False

    def unread(self, label_rule: str) -> set[str]:
        """Parameters without effect under the other parameters and the label rule; they are reset to their defaults."""
        return set()


class UnknownAttack(AttackSettings):
    """Settings of an attack whose plug-in is not loaded: a stored result can be shown, but not run again."""

    model_config = ConfigDict(extra="allow")


def choices(**labels: str) -> dict[str, Any]:
    """Labels of the values of a parameter, for `Field(json_schema_extra=choices(…))`."""
    return {"choices": labels}


@functools.cache  # a page calls it hundreds of times, and pydantic builds the schema again each time
def parameters(settings: type[Frozen]) -> Mapping[str, dict[str, Any]]:
    """The JSON schema of each parameter of an attack or a defence: default, bounds, description. Don't modify it."""
    properties: dict[str, dict[str, Any]] = settings.model_json_schema()["properties"]
    return {key: value for key, value in properties.items() if key != "name"}


def default_name(settings: type[Frozen]) -> str:
    """The name that a settings class fixes.

    Raises:
        RecordError: it fixes none, or one that can't be used in links and on the command line.
    """
    field = settings.model_fields.get("name")
    if field is None or not isinstance(field.default, str) or not field.default:
        raise RecordError(f'{settings.__name__} has no name: give it `name: Literal["…"] = "…"`')
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,39}", field.default) or field.default in RESERVED_NAMES:
        raise RecordError(
            f"the name {field.default!r} is not allowed: take small letters, digits and hyphens, at most 40, a letter "
            f"first, and none of {', '.join(RESERVED_NAMES)}"
        )
    return field.default


RESERVED_NAMES = ("flips", "none")
"""Names that sweeps and links use for the baseline and for no defence."""


def check_settings(settings: object, base: type[Frozen], owner: str) -> None:
    """Check a settings class: each parameter needs a description, and either bounds or named values.

    Args:
        settings: the settings of a record.
        base: the class that they must extend.
        owner: "attack" or "defence", for messages.

    Raises:
        RecordError: names what is missing.
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
    """Whether a JSON schema describes a number with a lower and an upper bound."""
    is_number = schema.get("type") in ("integer", "number")
    low, high = ({"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"})
    return is_number and bool(low & schema.keys()) and bool(high & schema.keys())


def _has_names(schema: Mapping[str, Any]) -> bool:
    """Whether a JSON schema describes a choice among texts."""
    return "enum" in schema and all(isinstance(value, str) for value in schema["enum"])


def validated(settings: type[Frozen], values: Mapping[str, Any], what: str) -> Frozen:
    """Parse settings from untrusted values.

    Args:
        settings: the model.
        values: by parameter.
        what: how error messages name a parameter, with {} for its name, such as "attack.{}".

    Raises:
        SpecError: one sentence that names the parameter, what it got and what is allowed.
    """
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        raise spec_error(error, what, [name for name in settings.model_fields if name != "name"]) from error


def spec_error(error: ValidationError, what: str, allowed: list[str]) -> SpecError:
    """The first validation error as one sentence.

    Args:
        error: as pydantic raised it.
        what: how the message names a field, with {} for its name.
        allowed: the existing fields.
    """
    first = error.errors()[0]
    where = what.format(".".join(str(part) for part in first["loc"]))
    if first["type"] == "extra_forbidden":
        return SpecError(f"Unknown field {where!r}. Allowed: {', '.join(sorted(allowed)) or 'none'}.")
    if where == "budget" and first["type"] in {"greater_than", "less_than_equal"}:
        return SpecError(f"budget is {first['input']}; allowed: more than 0, at most 1.")
    return SpecError(f"{where} is {first['input']!r}; {lower_first(first['msg'])}.")


def lower_first(message: str) -> str:
    """A message of pydantic as the second half of a sentence."""
    return message[:1].lower() + message[1:]
