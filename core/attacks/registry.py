"""The table of attacks: a record a file of this package, and those that plug-ins bring. Free of torch."""

from typing import get_args

from core import attacks
from core.attacks.record import AttackRecord, Family
from core.spec import registry
from core.system.errors import unknown

NO_ATTACKS = {"execution", "record", "registry"}
"""Modules of this package that are no attacks."""

RECORDS: dict[str, AttackRecord] = {}
"""Every attack by its name, in the order in which attacks are listed."""


def register(record: AttackRecord) -> None:
    """Add an attack, and let specs ask for it.

    Raises:
        RecordError: an attack or a defence has this name already.
    """
    registry.claim(record.name)
    RECORDS[record.name] = record
    registry.register_attack(record.settings)


def forget(name: str) -> None:
    """Take an attack back."""
    RECORDS.pop(name, None)
    registry.forget(name)


def record_of(name: str) -> AttackRecord:
    """The record of an attack.

    Raises:
        SpecError: no attack has this name; the message lists those that there are.
    """
    if name not in RECORDS:
        raise unknown("attack", name, RECORDS)
    return RECORDS[name]


def register_shipped() -> None:
    """Register the attacks of this package, ordered by family and rank."""
    records = registry.records_in(attacks, AttackRecord, NO_ATTACKS)
    order = get_args(Family)
    for record in sorted(records, key=lambda record: (order.index(record.family), record.rank, record.name)):
        register(record)
