"""The base of everything that a person asks for, and of the settings of every attack."""

import functools
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from core.system.errors import SpecError


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
        SpecError: they fix none.
    """
    field = settings.model_fields.get("name")
    if field is None or not isinstance(field.default, str) or not field.default:
        raise SpecError(f'{settings.__name__} has no name: give it `name: Literal["…"] = "…"`.')
    return field.default


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
        raise sentence_of(error, what, [name for name in settings.model_fields if name != "name"]) from error


def sentence_of(error: ValidationError, what: str, allowed: list[str]) -> SpecError:
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
    return SpecError(f"{where} is {first['input']!r}; {lowered(first['msg'])}.")


def lowered(message: str) -> str:
    """A message of pydantic as the second part of a sentence."""
    return message[:1].lower() + message[1:]
