"""Records of uploads: what an earlier version of the reader read runs on if it is read alike, and is kept if not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalog import uploads as upload_records
from core.catalog.choices import resolve
from core.catalog.lookup import data_info
from core.data import folders as own_data
from core.data.readers import read
from core.spec.experiment import parse_spec
from core.storage import uploads
from core.system.errors import DataError
from tests.pictures import pets, see_through, zipped


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def of_version_1(home: Path, name: str) -> None:
    """Make an upload one that version 1 of the reader read: its record did not say so, and had no notes."""
    path = home / "uploads" / "images" / name.partition(":")[2] / "record.json"
    record = json.loads(path.read_text())
    assert record.pop("reader") == own_data.READER_VERSION
    record.pop("notes")
    path.write_text(json.dumps(record))


def test_an_upload_of_version_1_that_is_read_as_before_runs_on(home: Path) -> None:
    record = uploads.add_images("pets.zip", zipped(pets(20)), "her")
    of_version_1(home, record.name)
    before = replace(record, notes=())
    assert upload_records.all_images("her") == {record.name: before}
    assert upload_records.outdated_images("her") == {}
    assert resolve(parse_spec({"data": record.name, "train_size": 20, "test_size": 10})).data == record.name
    assert len(read(before, "train")[1]) == 28


def test_an_upload_of_before_its_own_side_was_stored_has_one(home: Path) -> None:
    record = uploads.add_images("pets.zip", zipped(pets(20)))
    path = home / "uploads" / "images" / record.name.partition(":")[2] / "record.json"
    stored = json.loads(path.read_text())
    assert stored.pop("own_side") == 20
    path.write_text(json.dumps(stored))
    assert data_info(record.name) == record
    assert resolve(parse_spec({"data": record.name, "train_size": 20, "test_size": 10})).side == 64
    assert resolve(parse_spec({"data": record.name, "train_size": 20, "test_size": 10, "defaults": 2})).side == 20


def test_an_upload_of_version_1_that_is_read_otherwise_is_kept_but_not_run(home: Path) -> None:
    files = {**pets(20), "cats/x.png": see_through(3)}
    record = uploads.add_images("pets.zip", zipped(files), "her")
    of_version_1(home, record.name)
    before = replace(record, notes=())
    with pytest.raises(DataError, match=r"read by version 1 of the reader; version 2 .*upload them again\.$"):
        resolve(parse_spec({"data": record.name, "train_size": 20, "test_size": 10}))
    assert upload_records.all_images("her") == {}
    assert upload_records.outdated_images("her") == {record.name: before}


def test_an_upload_of_version_1_that_is_refused_now_is_kept_but_not_run(home: Path) -> None:
    record = uploads.add_images("pets.zip", zipped(pets(20)), "her")
    of_version_1(home, record.name)
    (content,) = (home / "uploads" / "images").glob("*/content.zip")
    content.write_bytes(zipped({**pets(20), "cats/x.svg": b"<svg/>"}).getvalue())
    assert set(upload_records.outdated_images("her")) == {record.name}
    with pytest.raises(DataError, match="upload them again"):
        data_info(record.name)


def test_an_upload_of_an_earlier_reader_is_kept_but_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    before = uploads.add_images("pets.zip", zipped(pets(20)), "her")
    monkeypatch.setattr(own_data, "READER_VERSION", 3)
    with pytest.raises(DataError, match=r"read by version 2 of the reader; version 3 .*upload them again\.$"):
        resolve(parse_spec({"data": before.name, "train_size": 20, "test_size": 10}))
    assert upload_records.belongs_to(before.name, "her")
    assert upload_records.all_images("her") == {}
    assert upload_records.outdated_images("her") == {before.name: before}
    assert upload_records.outdated_images("him") == {}
    now = uploads.add_images("pets.zip", zipped(pets(20)), "her")
    assert now.name != before.name
    assert data_info(now.name) == now == upload_records.all_images("her")[now.name]
    assert set(upload_records.outdated_images("her")) == {before.name}
    monkeypatch.setattr(own_data, "READER_VERSION", 2)
    assert data_info(before.name) == before
    uploads.remove(before.name, "her")
    assert upload_records.all_images("her") == {}
