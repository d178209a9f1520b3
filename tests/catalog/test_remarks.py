"""What was assumed of data and extractor, from their records."""

import dataclasses

import pytest

from core.catalog import remarks
from core.data.registry import DATA
from core.extractors.registry import EXTRACTORS
from tests.fakes import tiny_spec


def test_the_notes_of_both_records_are_remarks(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = tiny_spec()
    data = dataclasses.replace(DATA[spec.data], notes=("3 files were passed over.",))
    extractor = dataclasses.replace(EXTRACTORS[spec.extractor], notes=("It has 12 heads.", "It is raw."))
    monkeypatch.setattr(remarks, "data_info", {spec.data: data}.__getitem__)
    monkeypatch.setattr(remarks, "extractor_info", {spec.extractor: extractor}.__getitem__)
    assert remarks.remarks_of(spec) == ("3 files were passed over.", "It has 12 heads.", "It is raw.")


def test_nothing_is_assumed_of_what_is_registered() -> None:
    assert not [record.name for record in (*DATA.values(), *EXTRACTORS.values()) if record.notes]
    assert remarks.remarks_of(tiny_spec()) == ()
