"""`python -m core pretrain`, on a few real images."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from core.cli.main import main
from core.data.readers import read
from core.pretraining import recipe

FEW = ["--epochs", "1", "--batch", "50", "--device", "cpu", "--quiet"]


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    def first(record: Any, part: str, domain: str | None = None) -> tuple[np.ndarray, np.ndarray]:
        x, y = read(record, part, domain)
        return x[:100], y[:100]

    monkeypatch.setattr(recipe, "read", first)
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)


@pytest.mark.parametrize(("data", "method"), [("fashion-mnist", "simclr"), ("mnist", "moco"), ("emoji", "simclr")])
def test_it_writes_weights_and_their_record(
    data: str, method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "small.safetensors"
    assert main(["pretrain", "--data", data, "--method", method, "--out", str(out), *FEW]) == 0
    with safe_open(out, framework="pt") as file:
        record = json.loads(file.metadata()["record"])
        assert file.get_tensor("conv1.weight").shape == (64, 3, 3, 3)
    assert (record["data"], record["method"], record["epochs"], record["images"]) == (data, method, 1, 100)
    assert record["augmentation"]["flip"] == (data != "mnist")
    assert record["domain"] == ("google" if data == "emoji" else None), "the first, where there are several"
    assert len(record["knn"]) == len(record["losses"]) == 1
    assert 0 < record["linear_probe"] <= 1
    assert 0 < record["linear_probe_of_pixels"] <= 1
    assert record["seconds"] > 0
    printed = capsys.readouterr().out
    assert f"linear probe {100 * record['linear_probe']:.1f}%" in printed
    assert "epoch 1/1" in printed
    assert list(tmp_path.iterdir()) == [out]  # the checkpoint is gone


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "a.pt"], "not a *.safetensors file"),
        (["--out", "nowhere/a.safetensors"], "its folder is not there"),
        (["--out", "a.safetensors", "--method", "byol"], "Known: moco, simclr"),
        (["--out", "a.safetensors", "--arch", "vit"], "Known: resnet10-small, resnet18-small"),
        (["--out", "a.safetensors", "--data", "cats"], "Unknown data set 'cats'"),
        (["--out", "a.safetensors", "--data", "emoji", "--domain", "acme"], "domain of emoji is 'acme'; allowed: "),
        (["--out", "a.safetensors", "--domain", "google"], "allowed: none: it has no domains"),
        (["--out", "a.safetensors", "--epochs", "0"], "greater than or equal to 1"),
        (["--out", "a.safetensors", "--batch", "100000"], "less than or equal to 65536"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    options: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["pretrain", "--device", "cpu", *options]) == 2
    printed = capsys.readouterr().err
    assert words in printed
    assert printed.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []
