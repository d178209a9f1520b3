"""Data sets that torchvision reads: tiny ones in their own formats, found, unpacked, fetched, or missed in a sentence.

Only the tables of MD5 in torchvision's classes are exchanged, for those of the tiny files; no test reaches a network.
"""

import gzip
import hashlib
import json
import os
import pickle
import shutil
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open
from scipy.io import savemat
from torchvision import datasets
from torchvision.datasets import utils

from core.cli.main import main
from core.data import torchvision_sets
from core.data.readers import read
from core.data.registry import DATA
from core.system.errors import DataError

Part = tuple[NDArray[np.uint8], NDArray[np.int64]]
Truth = dict[str, Part]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of data of a machine that has none, and no network."""
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POISON_LAB_DATA", str(tmp_path / "data"))

    def no_network(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    monkeypatch.setitem(sys.modules, "gdown", None)
    return tmp_path / "data"


Web = Callable[[str], Truth]


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Writes the published files of a data set into the folder `web`, and gives what they hold."""

    def publish(name: str) -> Truth:
        truth = {part: images(name, n, seed) for part, n, seed in (("train", 80, 0), ("test", 40, 1))}
        makers = {"cifar10": cifar, "cifar100": cifar, "stl10": stl10, "svhn": svhn, "pcam": pcam}
        (tmp_path / "web").mkdir()
        makers[name](name, truth, tmp_path / "web", monkeypatch)
        if name == "pcam":
            return {part: (x[::step], y[::step]) for (part, (x, y)), step in zip(truth.items(), (16, 4), strict=True)}
        return truth

    return publish


def images(name: str, n: int, seed: int) -> Part:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (n, *DATA[name].shape), dtype=np.uint8)
    return x, rng.permutation(n) % len(DATA[name].classes)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def tarred(folder: Path, archive: Path) -> str:
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder, folder.name)
    shutil.rmtree(folder)
    return md5(archive)


def cifar(name: str, truth: Truth, web: Path, patch: pytest.MonkeyPatch) -> None:
    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    inside = web / kind.base_folder
    inside.mkdir()

    def write(file: str, content: object) -> str:
        (inside / file).write_bytes(pickle.dumps(content, protocol=2))
        return md5(inside / file)

    for part, table in (("train", "train_list"), ("test", "test_list")):
        files = [file for file, _ in getattr(kind, table)]
        rows = [np.array_split(array, len(files)) for array in truth[part]]
        labels = "labels" if name == "cifar10" else "fine_labels"
        listed = [
            [file, write(file, {"data": x.reshape(len(x), -1), labels: y.tolist()})]
            for file, x, y in zip(files, *rows, strict=True)
        ]
        patch.setattr(kind, table, listed)
    meta = write(kind.meta["filename"], {kind.meta["key"]: list(DATA[name].classes)})
    patch.setattr(kind, "meta", {**kind.meta, "md5": meta})
    patch.setattr(kind, "tgz_md5", tarred(inside, web / kind.filename))


def stl10(name: str, truth: Truth, web: Path, patch: pytest.MonkeyPatch) -> None:
    inside = web / "stl10_binary"
    inside.mkdir()
    listed = {}
    for part, (x, y) in truth.items():
        x.transpose(0, 1, 3, 2).tofile(inside / f"{part}_X.bin")  # column after column
        (y + 1).astype(np.uint8).tofile(inside / f"{part}_y.bin")
        listed[part] = [[f"{part}_{xy}.bin", md5(inside / f"{part}_{xy}.bin")] for xy in "Xy"]
    (inside / "unlabeled_X.bin").write_bytes(b"many more")
    # The MD5 of the unlabelled images stays that of the real ones: they must not be needed.
    patch.setattr(datasets.STL10, "train_list", [*listed["train"], datasets.STL10.train_list[2]])
    patch.setattr(datasets.STL10, "test_list", listed["test"])
    patch.setattr(datasets.STL10, "tgz_md5", tarred(inside, web / "stl10_binary.tar.gz"))


def svhn(name: str, truth: Truth, web: Path, patch: pytest.MonkeyPatch) -> None:
    listed = {}
    for part, (x, y) in truth.items():
        file = web / f"{part}_32x32.mat"
        savemat(file, {"X": x.transpose(2, 3, 1, 0), "y": np.where(y == 0, 10, y).astype(np.uint8)[:, None]})
        listed[part] = [datasets.SVHN.split_list[part][0], file.name, md5(file)]
    patch.setattr(datasets.SVHN, "split_list", listed)


def pcam(name: str, truth: Truth, web: Path, patch: pytest.MonkeyPatch) -> None:
    import h5py

    listed = {}
    for part, (x, y) in truth.items():
        contents = {
            "images": ("x", x.transpose(0, 2, 3, 1)),
            "targets": ("y", y.astype(np.uint8).reshape(-1, 1, 1, 1)),
        }
        listed[part] = {}
        for kind, (key, array) in contents.items():
            file, drive_id, _ = datasets.PCAM._FILES[part][kind]
            with h5py.File(web / file, "w") as written:
                written[key] = array
            (web / f"{file}.gz").write_bytes(gzip.compress((web / file).read_bytes()))
            (web / file).unlink()
            listed[part][kind] = (file, drive_id, md5(web / f"{file}.gz"))
    patch.setattr(datasets.PCAM, "_FILES", listed)


def put(name: str, form: str, folder: Path) -> None:
    """Do what a person is asked to do, and unpack where they may have done that too."""
    for published in torchvision_sets.SOURCES[name].files:
        place = folder / published
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder.parent / "web" / place.name, place)
        if form == "unpacked" and place.suffix == ".gz":
            utils.extract_archive(place, place.parent)
            place.unlink()


def connect(patch: pytest.MonkeyPatch, folder: Path, harm: str = "") -> list[str]:
    """A network that serves the folder `web`, whole, "cut" off, or "garbled"; gives the names that are asked for."""
    asked: list[str] = []

    def serve(name: str, path: Path) -> None:
        asked.append(name)
        content = (folder.parent / "web" / name).read_bytes()
        path.write_bytes(content[: len(content) // 2] if harm else content)
        if harm == "cut":
            raise OSError("connection lost")

    def drive(id: str, output: str, **_: object) -> None:
        serve(Path(output).name, Path(output))

    patch.setattr(utils, "_get_redirect_url", lambda url, max_hops: url)
    patch.setattr(utils, "_urlretrieve", lambda url, path: serve(url.rpartition("/")[2], Path(path)))
    patch.setitem(sys.modules, "gdown", SimpleNamespace(download=drive))
    return asked


def check(name: str, truth: Truth) -> None:
    for part, (x, y) in truth.items():
        found_x, found_y = read(DATA[name], part)
        np.testing.assert_array_equal(found_x, x)
        np.testing.assert_array_equal(found_y, y)
        assert (found_x.dtype, found_y.dtype) == (np.uint8, np.int64)
        assert found_x.flags.c_contiguous


def refusal(name: str, part: str = "train") -> str:
    with pytest.raises(DataError) as caught:
        read(DATA[name], part)
    message = str(caught.value)
    assert "\n" not in message
    assert repr(name) in message
    return message


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_does_not_ship_has_a_source() -> None:
    assert torchvision_sets.SOURCES.keys() == {name for name, record in DATA.items() if not record.embedded}


@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_sources_name_the_files_that_torchvision_names(name: str) -> None:
    source, kind = torchvision_sets.SOURCES[name], getattr(datasets, torchvision_sets.SOURCES[name].kind)
    published = {file for part in ("train", "test") for file in torchvision_sets._md5s(name, part)}
    assert source.files.keys() == published
    if hasattr(kind, "url"):
        assert source.url == kind.url
        listed = {file for file, _ in kind.train_list + kind.test_list} - {"unlabeled_X.bin"}
        listed |= {kind.meta["filename"]} if hasattr(kind, "meta") else set()
        assert set(source.files[kind.filename]) == {f"{kind.base_folder}/{file}" for file in listed}


@pytest.mark.parametrize("form", ["packed", "unpacked"])
@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_pixels_and_labels_are_exact(name: str, form: str, folder: Path, web: Web) -> None:
    truth = web(name)
    assert not torchvision_sets.present(DATA[name])
    put(name, form, folder)
    assert torchvision_sets.present(DATA[name])
    before = content(folder)
    check(name, truth)
    unpacked = {file for files in torchvision_sets.SOURCES[name].files.values() for file in files}
    after = content(folder)
    assert after.keys() == before.keys() | unpacked
    assert before.items() <= after.items()


@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_what_can_not_be_fetched_is_one_sentence_that_says_where_to_put_what(name: str, folder: Path) -> None:
    assert not torchvision_sets.present(DATA[name])
    for part in ("train", "test"):
        message = refusal(name, part)
        assert f"is not on this machine and can't be fetched ({torchvision_sets.SOURCES[name].url}: " in message
        names = ", ".join(torchvision_sets.SOURCES[name].files)
        assert f"put {names} into {folder} (or set POISON_LAB_DATA to the folder" in message
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_only_what_is_not_here_is_asked_for(name: str, folder: Path, web: Web) -> None:
    web(name)
    put(name, "packed", folder)
    first, *others = torchvision_sets.SOURCES[name].files
    (folder / first).unlink()
    assert not torchvision_sets.present(DATA[name])
    message = refusal(name)
    assert f"put {first} into" in message
    assert not any(other in message for other in others)


@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_data_is_here_when_every_file_is(name: str, folder: Path) -> None:
    files = [folder / file for unpacked in torchvision_sets.SOURCES[name].files.values() for file in unpacked]
    for file in files:
        assert not torchvision_sets.present(DATA[name])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert torchvision_sets.present(DATA[name])
    assert torchvision_sets.availability(DATA[name]) == "on this machine"


@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_it_is_fetched_once_and_only_what_is_read_stays(
    name: str, folder: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = web(name)
    asked = connect(monkeypatch, folder)
    check(name, truth)
    files = torchvision_sets.SOURCES[name].files
    assert sorted(asked) == sorted(Path(published).name for published in files)
    assert content(folder).keys() == {file for unpacked in files.values() for file in unpacked}
    check(name, truth)
    assert len(asked) == len(files)
    assert torchvision_sets.present(DATA[name])


@pytest.mark.parametrize("harm", ["cut", "garbled"])
@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_a_download_that_fails_leaves_nothing(
    name: str, harm: str, folder: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    web(name)
    assert connect(monkeypatch, folder, harm) == []
    message = refusal(name)
    assert {"cut": "connection lost", "garbled": "File not found or corrupted"}[harm] in message
    assert list(folder.iterdir()) == []
    assert not torchvision_sets.present(DATA[name])


@pytest.mark.parametrize("form", ["packed", "unpacked"])
@pytest.mark.parametrize("name", torchvision_sets.SOURCES)
def test_a_damaged_file_is_said_and_left_alone_until_it_can_be_fetched_anew(
    name: str, form: str, folder: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = web(name)
    put(name, form, folder)
    source = torchvision_sets.SOURCES[name]
    for published, files in source.files.items():
        damaged = folder / (published if form == "packed" else files[0])
        damaged.write_bytes(damaged.read_bytes()[:-200])
    before = content(folder)
    message = refusal(name)
    assert f"can't be read from {folder} and can't be fetched" in message
    assert f"put {', '.join(source.files)} into {folder}" in message
    assert content(folder) == before
    connect(monkeypatch, folder, "cut")
    assert "connection lost" in refusal(name)
    assert content(folder) == before
    connect(monkeypatch, folder)
    check(name, truth)


def test_a_sound_file_that_could_not_be_read_for_a_moment_is_left_alone(
    folder: Path, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = web("svhn")
    put("svhn", "packed", folder)
    before, opened = content(folder), torchvision_sets._open

    def once(*_: object, **__: object) -> None:
        monkeypatch.setattr(torchvision_sets, "_open", opened)
        raise OSError("stale file handle")

    monkeypatch.setattr(torchvision_sets, "_open", once)
    check("svhn", truth)
    assert content(folder) == before
    assert not any(path.is_symlink() for path in folder.iterdir())


def test_pcam_names_the_package_that_it_needs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    assert refusal("pcam") == ("Data set 'pcam' is read by the package h5py, which is not installed: pip install h5py.")
    assert not folder.exists()


def test_what_a_killed_download_left_is_removed_but_not_what_another_still_writes(folder: Path) -> None:
    old, new = (folder / f".fetching-{age}" for age in ("old", "new"))
    for left in (old, new):
        (left / "pcam").mkdir(parents=True)
        (left / "pcam" / "half.gz").write_bytes(b"half")
    past = time.time() - 2 * torchvision_sets._STALE
    for path in (old / "pcam" / "half.gz", old / "pcam", old, new / "pcam", new):
        os.utime(path, (past, past))
    refusal("cifar10")
    assert list(folder.iterdir()) == [new]


def test_a_folder_that_can_not_be_written_is_read(folder: Path, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = web("svhn")
    put("svhn", "unpacked", folder)
    monkeypatch.setattr(Path, "mkdir", lambda *_, **__: pytest.fail("written to"))
    check("svhn", truth)


def test_the_command_line_runs_and_pretrains_on_it(
    folder: Path, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    web("svhn")
    options = ["--data", "svhn", "--device", "cpu", "--quiet"]
    sizes = ["--attack", "label-flip", "--train-size", "20", "--test-size", "20"]
    assert main(["run", *options, *sizes, "--out", str(tmp_path / "run")]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert f"put train_32x32.mat, test_32x32.mat into {folder}" in printed
    assert not (tmp_path / "run").exists()

    put("svhn", "unpacked", folder)
    assert main(["run", *options, *sizes, "--out", str(tmp_path / "run")]) == 0
    assert json.loads((tmp_path / "run" / "result.json").read_text())["spec"]["data"] == "svhn"
    out = tmp_path / "mine.safetensors"
    assert main(["pretrain", *options, "--epochs", "1", "--batch", "16", "--out", str(out)]) == 0
    with safe_open(out, framework="pt") as file:
        record = json.loads(file.metadata()["record"])
    assert (record["images"], record["licence"]) == (80, "non-commercial use only")
    assert not record["augmentation"]["flip"]  # a digit in a mirror is none
