"""The registry of attacks: one record in each file of this package, and those of plug-ins. Without torch."""

from typing import get_args

from core import attacks
from core.attacks.record import AttackRecord, Family
from core.spec import registry
from core.system.errors import unknown

NO_ATTACKS = {"execution", "record", "registry", "starts"}
"""Modules of this package that are not attacks."""

RECORDS: dict[str, AttackRecord] = {}
"""Every attack by its name, in listing order."""


def register(record: AttackRecord) -> None:
    """Register an attack and make it available to specs.

    Raises:
        RecordError: an attack or a defence has the same name.
    """
    registry.claim(record.name)
    RECORDS[record.name] = record
    registry.register_attack(record.settings)


def forget(name: str) -> None:
    """Unregister an attack."""
    RECORDS.pop(name, None)
    registry.forget(name)


def record_of(name: str) -> AttackRecord:
    """The record of an attack.

    Raises:
        SpecError: no attack has this name; the message lists the known ones.
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
