"""The table of defences: a record a file of this package, and those that plug-ins bring. Free of torch."""

from core import defences
from core.defences.record import DefenceRecord
from core.spec import registry
from core.system.errors import unknown

NO_DEFENCES = {"chain", "evaluation", "execution", "record", "registry", "settings", "verdict"}
"""Modules of this package that are no defences."""

RECORDS: dict[str, DefenceRecord] = {}
"""Every defence by its name, in the order in which several are chained."""


def register(record: DefenceRecord) -> None:
    """Add a defence; one that can be evaded can be asked for by specs.

    Raises:
        RecordError: a defence or an attack has this name already.
    """
    registry.claim(record.name)
    RECORDS[record.name] = record
    ordered = sorted(RECORDS.values(), key=lambda record: (record.rank, record.name))
    RECORDS.clear()
    RECORDS.update((record.name, record) for record in ordered)
    if record.evadable:
        registry.register_evadable(record.name)


def forget(name: str) -> None:
    """Take a defence back."""
    RECORDS.pop(name, None)
    registry.forget(name)


def record_of(name: str) -> DefenceRecord:
    """The record of a defence.

    Raises:
        SpecError: no defence has this name; the message lists those that there are.
    """
    if name not in RECORDS:
        raise unknown("defence", name, RECORDS)
    return RECORDS[name]


def register_shipped() -> None:
    """Register the defences of this package, in the order of their ranks."""
    records = registry.records_in(defences, DefenceRecord, NO_DEFENCES)
    for record in sorted(records, key=lambda record: (record.rank, record.name)):
        register(record)
