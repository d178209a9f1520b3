"""Runs on somebody's upload are listed for nobody else, on any page; a link that names one still opens it."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.catalog.choices import resolve
from core.experiments.result import Result
from core.spec.experiment import parse_spec
from core.storage import uploads
from core.storage.runs import Store
from pages import _runs
from tests.apps import drawn, opened, own_store, small
from tests.pictures import pets, zipped


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return own_store(tmp_path, monkeypatch)


def on(data: str, **values: object) -> Result:
    return replace(drawn(), spec=small().model_copy(update={"data": data, **values}))


def test_runs_on_an_upload_are_listed_for_its_owner_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hers = uploads.add_images("pets.zip", zipped(pets()), "her").name
    private, public = store.put(on(hers)).hash, store.put(drawn()).hash
    for who, seen in (("her", {private, public}), ("him", {public}), (_runs.LOCAL, {public})):
        monkeypatch.setattr(_runs, "owner", lambda who=who: who)
        assert {row.hash for row in _runs.listed()} == seen
        assert {row.hash for row in _runs.listed([private])} == {private, public}
    uploads.remove(hers, "her")
    monkeypatch.setattr(_runs, "owner", lambda: "her")
    assert {row.hash for row in _runs.listed()} == {public}


@pytest.mark.parametrize("spec", [{"data": "image-folder:/her/pets#0"}, {"extractor": "timm:resnet18@/x.pth#0"}])
def test_runs_on_files_of_the_server_are_for_who_sits_at_it(
    store: Store, monkeypatch: pytest.MonkeyPatch, spec: dict[str, str]
) -> None:
    run = store.put(on(**{"data": "fashion-mnist", **spec}))
    for who, seen in ((_runs.LOCAL, {run.hash}), ("browser:x", set())):
        monkeypatch.setattr(_runs, "owner", lambda who=who: who)
        assert {row.hash for row in _runs.listed()} == seen


KEYS = ("data", "extractor", "attack", "px", "train", "lock", "hide", "lesson", "step")


@pytest.mark.parametrize("value", ["image-folder:/etc", "upload:../../etc", "timm:resnet18@/x.pth", "../x", "%00["])
def test_no_path_in_a_link_is_followed(value: str) -> None:
    app = opened("lab.py", **dict.fromkeys(KEYS, value))
    assert app.session_state.spec == resolve(parse_spec({}))
    assert "allowed: fashion-mnist" in app.error[0].value


@pytest.mark.parametrize("page", ["stages", "compare", "present"])
def test_no_path_in_place_of_a_run_is_followed(page: str, store: Store) -> None:
    store.put(drawn())
    store.put(drawn("noise"))
    opened(f"{page}.py", run="../../../etc/passwd", runs="../../etc/passwd,/etc")


def test_nothing_is_ever_unpickled() -> None:
    from core.system.paths import ROOT

    for file in [*(ROOT / "core").rglob("*.py"), *(ROOT / "pages").glob("*.py"), ROOT / "app.py"]:
        text = file.read_text()
        assert "import pickle" not in text, file
        assert "allow_pickle=True" not in text, file
        assert "weights_only=False" not in text, file
        assert text.count("torch.load(") == text.count("weights_only=True"), file
        read = text.count("np.load(") + text.count("np.lib.format.read_array(")
        written = text.count("np.save(") + text.count("write_array(")
        assert read == text.count("allow_pickle=False") - written, file


@pytest.mark.parametrize(
    ("address", "headers", "local"),
    [
        ("127.0.0.1", {"Host": "127.0.0.1:8501"}, False),  # no browser: these tell where a page is from
        ("localhost", {"Host": "localhost:8501", "Origin": "http://localhost:8501"}, True),
        ("0.0.0.0", {"Host": "127.0.0.1:8501"}, False),
        ("127.0.0.1", {"Host": "lab.example.org"}, False),
        ("127.0.0.1", {"Host": "localhost:8501", "Origin": "https://lab.example.org"}, False),
        ("127.0.0.1", {"Host": "127.0.0.1:8501", "X-Forwarded-For": "10.0.0.7"}, False),
        ("127.0.0.1", {"Host": "127.0.0.1:8501", "Via": "1.1 proxy"}, False),
    ],
)
def test_who_is_at_this_machine(
    address: str, headers: dict[str, str], local: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = SimpleNamespace(headers=headers)
    monkeypatch.setattr(_runs, "st", SimpleNamespace(context=context, get_option=lambda _: address))
    assert _runs.is_local() is local
