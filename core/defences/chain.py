"""Chains of defences, as a user specifies them. Without torch."""

from collections.abc import Iterable, Sequence

from core.defences.registry import RECORDS, record_of
from core.defences.settings import DefenceSettings
from core.spec.models import validated
from core.system.errors import SpecError

Chain = tuple[DefenceSettings, ...]


def parse_defence(text: str) -> DefenceSettings:
    """A defence from text such as `sever` or `sever:share=0.1,rounds=2`.

    Raises:
        SpecError: says what was wrong and what is allowed.
    """
    name, _, rest = text.strip().partition(":")
    record = record_of(name)
    values: dict[str, str] = {}
    for part in filter(None, rest.split(",")):
        key, sign, value = part.partition("=")
        if not sign:
            raise SpecError(f"Settings of a defence are NAME=VALUE; got {part!r}.")
        values[key.strip()] = value.strip()
    allowed = [key for key in record.settings.model_fields if key != "name"]
    for key in values:
        if key not in allowed:
            raise SpecError(f"{name} has no setting {key!r}. Allowed: {', '.join(allowed)}.")
    settings = validated(record.settings, values, f"{{}} of {name}")
    assert isinstance(settings, DefenceSettings)
    return settings


def parse_chain(texts: Sequence[str]) -> Chain:
    """Defences from text, in the order in which they are applied.

    Raises:
        SpecError: see `parse_defence`.
    """
    return in_order(parse_defence(text) for text in texts)


def in_order(chain: Iterable[DefenceSettings]) -> Chain:
    """Defences in the order in which they are applied, each once."""
    position = {name: i for i, name in enumerate(RECORDS)}
    by_name = {settings.name: settings for settings in chain}
    return tuple(sorted(by_name.values(), key=lambda settings: position[settings.name]))


def as_text(defence: DefenceSettings) -> str:
    """A defence as text for `parse_defence`; settings at their defaults are omitted."""
    changed = defence.model_dump(exclude_defaults=True)
    changed.pop("name", None)
    parameters = ",".join(f"{key}={value}" for key, value in changed.items())
    return f"{defence.name}:{parameters}" if parameters else defence.name
