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


@pytest.mark.parametrize(
    ("own", "input_size", "side", "sentence"),
    [
        (500, 224, None, "Images are used at 224 × 224 pixels: the extractor sees 224."),
        (500, 28, None, "Images are used at 64 × 64 pixels: the extractor sees 28."),
        (96, 224, None, "Images are used at 96 × 96 pixels: half of them are no larger; the extractor sees 224."),
        (
            96,
            224,
            128,
            "Images are used at 128 × 128 pixels: half of them have 96 or fewer, and are enlarged; the extractor sees "
            "224.",
        ),
    ],
)
def test_the_side_of_a_users_images_is_said_with_its_reason(
    own: int, input_size: int, side: int | None, sentence: str
) -> None:
    data = dataclasses.replace(DATA["emoji"], name="upload:mine", own_side=own)
    assert remarks.side_remark(data, input_size, side) == sentence
    assert remarks.side_remark(DATA["emoji"], input_size, side) == ""


def test_nothing_is_assumed_of_what_is_registered() -> None:
    assert not [record.name for record in (*DATA.values(), *EXTRACTORS.values()) if record.notes]
    assert remarks.remarks_of(tiny_spec()) == ()
