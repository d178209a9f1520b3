"""Uploads: what is kept is sound and has a name of its own; what is refused leaves nothing behind."""

import io
import json
import os
import threading
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save

from core.catalog import uploads as upload_records
from core.catalog.choices import resolve
from core.catalog.lookup import data_info, extractor_info
from core.data import folders as own_data
from core.data import sources
from core.data.readers import read
from core.extractors import architectures
from core.extractors import weights as reading
from core.extractors.build import build
from core.extractors.networks import network
from core.extractors.overrides import Overrides
from core.pretraining.train import export
from core.spec.experiment import parse_spec
from core.storage import uploads
from core.system import paths
from core.system.errors import DataError, PoisonLabError, SpecError, WeightsError
from tests.checkpoints import whole
from tests.pictures import pets, picture, see_through, zipped


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def tree() -> list[str]:
    return sorted(str(path) for path in paths.uploads().rglob("*") if path.is_file() or path.name.startswith("."))


def test_images_are_kept_under_a_name_that_tells_no_path(home: Path) -> None:
    record = uploads.add_images("My Pets (1).ZIP", zipped(pets(20)))
    assert record.name.startswith("upload:my-pets-1-")
    assert (record.title, record.classes) == ("My Pets (1)", ("cats", "dogs"))
    assert data_info(record.name) == record == upload_records.all_images()[record.name]
    spec = resolve(parse_spec({"data": record.name, "train_size": 20, "test_size": 10}))
    assert str(home) not in spec.to_json()
    (x, y), (test_x, test_y) = read(record, "train"), read(record, "test")
    assert (len(x), len(test_x)) == (record.train_images, record.test_images) == (28, 12)
    assert np.bincount(y).tolist() == [14, 14]
    assert np.bincount(test_y).tolist() == [6, 6]
    shown = uploads.preview(record.name)
    assert shown.train == {"cats": 14, "dogs": 14}
    assert shown.test == {"cats": 6, "dogs": 6}
    assert all(
        samples.shape == (uploads.SAMPLES, 3, own_data.SIDE, own_data.SIDE) for samples in shown.samples.values()
    )


def test_the_same_content_is_one_upload() -> None:
    first = uploads.add_images("pets.zip", zipped(pets()))
    before = tree()
    assert uploads.add_images("pets.zip", zipped(pets())) == first
    assert tree() == before
    assert uploads.add_images("pets.zip", zipped(pets(13))) != first


def encrypted() -> io.BytesIO:
    content = bytearray(zipped(pets()).getvalue())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag of a password, in both headers
        place = content.find(signature)
        while place >= 0:
            content[place + offset] |= 1
            place = content.find(signature, place + 4)
    return io.BytesIO(bytes(content))


def corrupted() -> io.BytesIO:
    content = bytearray(zipped(pets()).getvalue())
    place = content.find(b"cats/3.png") + 60
    content[place] ^= 255
    return io.BytesIO(bytes(content))


def doubled() -> io.BytesIO:
    content = zipped(pets())
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(content, "a") as archive:
        archive.writestr("cats/3.png", picture(999))
    content.seek(0)
    return content


def bomb() -> bytes:
    file = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(file, "PNG")
    return file.getvalue()


REFUSED_IMAGES: dict[str, tuple[str, Callable[[], io.BytesIO], str]] = {
    "no zip": ("pets.tar", lambda: zipped(pets()), "pets.tar is not a zip"),
    "text": ("pets.zip", lambda: io.BytesIO(b"not a zip"), "pets.zip is neither a folder nor a readable zip"),
    "empty": ("pets.zip", lambda: zipped({}), "pets.zip holds no classes"),
    "one class": ("pets.zip", lambda: zipped({k: v for k, v in pets().items() if "cats" in k}), "holds one class"),
    "too few": ("pets.zip", lambda: zipped(pets(9)), "Class 'cats' of pets.zip has 9 images; at least 10"),
    "corrupt image": (
        "pets.zip",
        lambda: zipped({**pets(), "cats/x.png": b"PNG"}),
        "cats/x.png of pets.zip can't be read",
    ),
    "image bomb": (
        "pets.zip",
        lambda: zipped({**pets(), "cats/x.png": bomb()}),
        "cats/x.png of pets.zip has more than the 50,000,000",
    ),
    "way out": (
        "pets.zip",
        lambda: zipped({**pets(), "../x/y.png": picture(1)}),
        "'../x/y.png', a path that leads out",
    ),
    "absolute": (
        "pets.zip",
        lambda: zipped({**pets(), "/etc/x.png": picture(1)}),
        "'/etc/x.png', a path that leads out",
    ),
    "password": ("pets.zip", encrypted, "without a password"),
    "bit flip": ("pets.zip", corrupted, "cats/3.png of pets.zip can't be unpacked"),
    "twice": ("pets.zip", doubled, "'cats/3.png' more than once"),
}


@pytest.mark.parametrize("case", REFUSED_IMAGES)
def test_refused_images_are_named_and_leave_nothing(case: str, home: Path) -> None:
    file_name, content, words = REFUSED_IMAGES[case]
    uploads.add_images("pets.zip", zipped(pets()))
    before = tree()
    with pytest.raises(DataError) as caught:
        uploads.add_images(file_name, content())
    assert words in str(caught.value)
    assert str(home) not in str(caught.value)
    assert tree() == before


def test_a_zip_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_UNPACKED", 1000)
    with pytest.raises(DataError, match=r"pets\.zip holds more than the 0 GiB that are allowed unpacked"):
        uploads.add_images("pets.zip", zipped(pets()))
    assert tree() == []


@pytest.mark.parametrize(("kind", "way"), [("images", "--data image-folder:PATH"), ("weights", "timm:ARCH@FILE")])
def test_a_file_that_is_too_large_is_refused(kind: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = {"images": "POISON_LAB_IMAGE_UPLOAD_MEGABYTES", "weights": "POISON_LAB_WEIGHTS_UPLOAD_MEGABYTES"}[kind]
    monkeypatch.setenv(setting, "1")
    content = io.BytesIO(bytes((1 << 20) + 1))
    add = {
        "images": lambda: uploads.add_images("a.zip", content),
        "weights": lambda: uploads.add_weights("timm", "resnet18", "a.pth", content),
    }[kind]
    with pytest.raises(
        PoisonLabError, match=r"^a\.\w+ is larger than the 1 MB of an upload\. A larger file"
    ) as refused:
        add()
    assert way in str(refused.value)
    assert f"{setting} raises the limit" in str(refused.value)
    assert tree() == []


def test_files_are_checked_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check takes several times the size of a file in memory."""
    at_once, most, lock = 0, 0, threading.Lock()

    def check(*_: object) -> object:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.05)
        with lock:
            at_once -= 1
        raise DataError("no")

    monkeypatch.setattr(own_data, "info", check)
    with ThreadPoolExecutor(4) as pool:
        tried = [pool.submit(uploads.add_images, f"{i}.zip", io.BytesIO(b"zip")) for i in range(4)]
    assert [str(one.exception()) for one in tried] == ["no"] * 4
    assert most == 1


def pretrained(folder: Path) -> bytes:
    about = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": 28, "arch": "resnet10-small", "data": "mnist"}
    export(folder / "made.safetensors", network("resnet10-small"), {**about, "method": "moco"})
    return (folder / "made.safetensors").read_bytes()


def test_weights_of_pretrain_bring_their_architecture(home: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    content = pretrained(tmp_path_factory.mktemp("made"))
    record = uploads.add_weights("own", "", "mine.safetensors", io.BytesIO(content))
    assert record.name.startswith("upload:mine-")
    assert (record.arch, record.width, record.pretrained_on, record.input_sizes) == (
        "resnet10-small",
        512,
        "mnist",
        (28,),
    )
    assert extractor_info(record.name) == record == upload_records.all_weights()[record.name]
    assert str(home) not in resolve(parse_spec({"extractor": record.name})).to_json()
    assert build(record, 28, torch.device("cpu"))(torch.rand(3, 1, 28, 28)).shape == (3, 512)


def test_the_same_weights_under_two_architectures_are_two_uploads() -> None:
    from timm import create_model

    content = save(create_model("resnet18", pretrained=False, num_classes=0).state_dict())
    records = [
        uploads.add_weights(lib, "resnet18", "r.safetensors", io.BytesIO(content)) for lib in ("timm", "torchvision")
    ]
    assert {record.library for record in records} == {"timm", "torchvision"}
    assert len(upload_records.all_weights()) == 2


def test_the_same_weights_with_other_options_are_another_upload() -> None:
    content = saved({"model": whole("timm:test_vit")})
    plain, other = (
        uploads.add_weights("timm", "test_vit", "v.pth", io.BytesIO(content), options=options)
        for options in (Overrides(), Overrides(heads=4))
    )
    assert plain.name != other.name
    assert (plain.options, other.options) == ("", "heads=4")
    assert "The transformer has 4 attention heads, as the name says." in other.notes
    assert upload_records.all_weights() == {record.name: record for record in (plain, other)}
    x, cpu = torch.rand(2, 3, 160, 160), torch.device("cpu")
    assert not torch.allclose(build(plain, 160, cpu)(x), build(other, 160, cpu)(x), atol=1e-4)


def test_an_upload_of_an_earlier_version_is_read_and_used(home: Path) -> None:
    record = uploads.add_weights("timm", "test_vit", "v.pth", io.BytesIO(saved({"model": whole("timm:test_vit")})))
    (path,) = (home / "uploads" / "weights").glob("*/record.json")
    fields = json.loads(path.read_text())
    for added in ("notes", "options", "widths", "macs_of_sizes"):
        del fields[added]
    path.write_text(json.dumps(fields))
    before = extractor_info(record.name)
    assert (before.notes, before.width_at(160), before.macs_at(224)) == ((), record.width, record.macs)
    x, cpu = torch.rand(2, 3, 160, 160), torch.device("cpu")
    assert torch.equal(build(before, 160, cpu)(x), build(record, 160, cpu)(x))


class Trap:
    """An object whose unpickling would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.mkdir, (str(self.path),))


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


def test_a_pickle_with_code_is_refused_and_never_run(home: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"evil\.pth can't be read as plain tensors .* could run code, and is refused"
    ):
        uploads.add_weights("timm", "resnet18", "evil.pth", io.BytesIO(saved({"a": Trap(home / "ran")})))
    assert not (home / "ran").exists()
    assert tree() == []


def broken() -> bytes:
    model = network("resnet10-small")
    return saved({name: torch.full_like(value, torch.nan) for name, value in model.state_dict().items()})


@pytest.mark.parametrize(
    ("library", "arch", "file_name", "content", "words"),
    [
        ("timm", "resnet18", "a.zip", b"", "a.zip is not one of .safetensors, .pt, .pth"),
        ("timm", "resnet18", "a.safetensors", b"nonsense", "a.safetensors is not readable safetensors"),
        ("timm", "resnet18", "a.pth", saved({"x": torch.ones(1)}), "a.pth does not fit timm:resnet18"),
        ("timm", "nothing", "a.pth", saved({"x": torch.ones(1)}), "no architecture 'nothing'"),
        ("own", "", "a.safetensors", save({"x": torch.ones(1)}), "a.safetensors has no record"),
    ],
)
def test_refused_weights_are_named_and_leave_nothing(
    library: str, arch: str, file_name: str, content: bytes, words: str, home: Path
) -> None:
    with pytest.raises((WeightsError, SpecError)) as caught:
        uploads.add_weights(library, arch, file_name, io.BytesIO(content))
    assert words in str(caught.value)
    assert str(home) not in str(caught.value)
    assert tree() == []


def test_weights_that_give_no_numbers_are_refused() -> None:
    from timm import create_model

    model = create_model("resnet18", pretrained=False, num_classes=0)
    content = save({name: value * 1e30 if value.dim() == 4 else value for name, value in model.state_dict().items()})
    with pytest.raises(WeightsError, match=r"a\.safetensors gives features that are not finite"):
        uploads.add_weights("timm", "resnet18", "a.safetensors", io.BytesIO(content))
    assert tree() == []


@pytest.mark.parametrize("name", ["upload:pets-0123456789abcdef", "upload:../../etc", "upload:"])
def test_an_unknown_upload_is_said(name: str) -> None:
    for values in ({"data": name}, {"extractor": name}):
        with pytest.raises(PoisonLabError, match="is not among the uploads of this machine"):
            resolve(parse_spec(values))
    uploads.remove(name, "")


def test_removed_is_gone() -> None:
    record = uploads.add_images("pets.zip", zipped(pets()))
    uploads.remove(record.name, "")
    assert upload_records.all_images() == {}
    assert tree() == []
    uploads.remove(record.name, "")


def test_leftovers_of_a_killed_upload_go_with_the_next() -> None:
    folder = paths.uploads() / "images"
    for name, age in ((".old", 2 * 3600), (".young", 60)):
        (folder / name).mkdir(parents=True)
        os.utime(folder / name, (time.time() - age,) * 2)
    uploads.add_images("pets.zip", zipped(pets()))
    assert not (folder / ".old").exists()
    assert (folder / ".young").exists()
    assert len(upload_records.all_images()) == 1


def test_no_room_is_said(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    (home / "uploads").write_text("a file where a folder should be")
    with pytest.raises(DataError, match="make room, or set POISON_LAB_HOME"):
        uploads.add_images("pets.zip", zipped(pets()))


def test_an_upload_is_listed_and_removed_by_its_owner_alone() -> None:
    hers = uploads.add_images("pets.zip", zipped(pets()), "her")
    his = uploads.add_images("pets.zip", zipped(pets()), "him")
    assert hers.name != his.name  # the same file does not tell the name of someone else's upload
    assert set(upload_records.all_images("her")) == {hers.name}
    assert set(upload_records.all_images()) == {hers.name, his.name}
    assert data_info(hers.name) == hers  # whoever was told the name may use it
    uploads.remove(hers.name, "him")
    assert hers.name in upload_records.all_images("her")
    uploads.remove(hers.name, "her")
    assert upload_records.all_images("her") == {}


def test_an_upload_without_an_owner_is_everyones() -> None:
    record = uploads.add_images("pets.zip", zipped(pets()))
    assert upload_records.belongs_to(record.name, "anyone")
    assert not upload_records.belongs_to("upload:gone-0123456789abcdef", "anyone")


def test_names_depend_on_a_secret_that_only_the_server_reads(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = uploads.add_images("pets.zip", zipped(pets()), "her").name
    assert (home / "secret").stat().st_mode & 0o777 == 0o600
    assert len(first.rpartition("-")[2]) == 32
    monkeypatch.setenv("POISON_LAB_HOME", str(home / "other"))
    assert uploads.add_images("pets.zip", zipped(pets()), "her").name != first


@pytest.mark.parametrize(
    "change",
    [{"input_size": 10**9}, {"mean": [0.5]}, {"std": [0, 1, 1]}, {"mean": None}, {"data": "x" * 10_000}, {"arch": 3}],
)
def test_a_record_that_cannot_be_used_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    about = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": 28, "arch": "resnet10-small", "data": "mnist"}
    export(tmp_path / "made.safetensors", torch.nn.Linear(1, 1), {**about, **change})
    with pytest.raises(WeightsError, match=f"record of weights file made.safetensors .*{next(iter(change))}"):
        uploads.add_weights("own", "", "made.safetensors", (tmp_path / "made.safetensors").open("rb"))
    assert tree() == []


def test_a_packed_checkpoint_that_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_UNPACKED", 1000)
    with pytest.raises(WeightsError, match=r"a\.pth unpacks to more than the 0 GiB allowed"):
        uploads.add_weights("timm", "resnet18", "a.pth", io.BytesIO(saved({"x": torch.ones(1000)})))


def test_a_small_file_makes_no_room_for_a_large_network(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = []
    made = architectures.backbone

    def noting(*arguments: Any) -> torch.nn.Module:
        model = made(*arguments)
        kinds.append(next(model.parameters()).device.type)
        return model

    monkeypatch.setattr(architectures, "backbone", noting)
    monkeypatch.setattr("core.extractors.files.backbone", noting)
    architectures.skeleton.cache_clear()
    with pytest.raises(WeightsError, match="does not fit"):
        uploads.add_weights("timm", "resnet18", "a.pth", io.BytesIO(saved({"x": torch.ones(1)})))
    assert set(kinds) == {"meta"}


def test_what_was_passed_over_is_kept_and_shown() -> None:
    files = {**pets(20), "cats/x.png": see_through(3), "cats/a.txt": b"", "b.txt": b"", "__MACOSX/cats/._x.png": b""}
    record = uploads.add_images("pets.zip", zipped(files))
    assert record.notes == (
        "2 classes: cats 21, dogs 20.",
        "3 files were passed over: 2 .txt, 1 hidden.",
        "1 image has transparency: laid on white.",
    )
    assert data_info(record.name).notes == uploads.preview(record.name).notes == record.notes


def test_a_published_split_is_shown_as_it_is() -> None:
    files = {f"{part}/{name}": data for part in ("train", "val") for name, data in pets(12).items()}
    record = uploads.add_images("pets.zip", zipped(files))
    shown = uploads.preview(record.name)
    assert shown.train == shown.test == {"cats": 12, "dogs": 12}
    assert "24 test images are also training images: accuracy on them says nothing about new images." in shown.notes
