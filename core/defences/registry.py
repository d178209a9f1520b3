"""The registry of defences: one record in each file of this package, and those of plug-ins. Without torch."""

from core import defences
from core.defences.record import DefenceRecord
from core.spec import registry
from core.system.errors import unknown

NO_DEFENCES = {"chain", "evaluation", "execution", "record", "registry", "settings", "verdict"}
"""Modules of this package that are not defences."""

RECORDS: dict[str, DefenceRecord] = {}
"""Every defence by its name, in the order in which they are applied."""


def register(record: DefenceRecord) -> None:
    """Register a defence; if it is evadable, specs can name it as one to evade.

    Raises:
        RecordError: a defence or an attack has the same name.
    """
    registry.claim(record.name)
    RECORDS[record.name] = record
    ordered = sorted(RECORDS.values(), key=lambda record: (record.rank, record.name))
    RECORDS.clear()
    RECORDS.update((record.name, record) for record in ordered)
    if record.evadable:
        registry.register_evadable(record.name)


def forget(name: str) -> None:
    """Unregister a defence."""
    RECORDS.pop(name, None)
    registry.forget(name)


def record_of(name: str) -> DefenceRecord:
    """The record of a defence.

    Raises:
        SpecError: no defence has this name; the message lists the known ones.
    """
    if name not in RECORDS:
        raise unknown("defence", name, RECORDS)
    return RECORDS[name]


def register_shipped() -> None:
    """Register the defences of this package, in the order of their ranks."""
    records = registry.records_in(defences, DefenceRecord, NO_DEFENCES)
    for record in sorted(records, key=lambda record: (record.rank, record.name)):
        register(record)
