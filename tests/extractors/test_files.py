"""Weights that a person brings: every usual wrapping is opened, everything else is refused in one line."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from core.catalog.choices import resolve
from core.catalog.lookup import extractor_info as info
from core.cli.main import main
from core.extractors import architectures, features, files, networks
from core.extractors.build import build
from core.pretraining.train import export
from core.spec.experiment import parse_spec
from core.system.errors import PoisonLabError, SpecError, WeightsError
from tests.checkpoints import saved, whole

CPU = torch.device("cpu")
ARCHS = ("timm:test_resnet", "timm:test_vit", "torchvision:shufflenet_v2_x0_5")


def source(arch: str) -> nn.Module:
    """A backbone with weights of its own."""
    library, _, name = arch.partition(":")
    torch.manual_seed(7)
    return architectures.backbone(library, name).eval()


def prefixed(prefix: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {prefix + name: value for name, value in tensors.items()}


WRAPPINGS: dict[str, Callable[[dict[str, Tensor]], Any]] = {
    "plain": lambda t: t,
    "with a classifier": lambda t: {**t, "fc.weight": torch.ones(3, 3)},
    "training state": lambda t: {"epoch": 3, "model": t, "optimizer": {"lr": 0.1}},
    "SimCLR": lambda t: {"state_dict": prefixed("backbone.")(t)},
    "MoCo v2": lambda t: {"state_dict": prefixed("module.encoder_q.")(t)},
    "MoCo v3": lambda t: {
        "state_dict": {**prefixed("module.base_encoder.")(t), "module.predictor.0.weight": torch.ones(2)}
    },
    "DINO": lambda t: {
        "student": prefixed("module.backbone.")({k: torch.zeros_like(v) for k, v in t.items()}),
        "teacher": prefixed("backbone.")(t),
    },
    "image tower": lambda t: {**prefixed("visual.")(t), "text.weight": torch.ones(2)},
}


@pytest.mark.parametrize("arch", ARCHS)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_every_wrapping_gives_the_sources_features(arch: str, wrapping: str, tmp_path: Path) -> None:
    model = source(arch)
    torch.save(WRAPPINGS[wrapping](model.state_dict()), tmp_path / "w.pth")
    record = info(f"{arch}@{tmp_path / 'w.pth'}")
    built = build(record, record.input_sizes[0], CPU).backbone
    x = torch.rand(2, 3, record.input_sizes[0], record.input_sizes[0], generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(built(x), model(x))
    assert record.width == model(x).shape[1]
    assert record.macs > 0


@pytest.mark.parametrize("name", ["moco.pth.tar", "pytorch_model.bin", "last.ckpt", "W.PTH"])
def test_files_that_torch_saved_go_by_many_names(name: str, tmp_path: Path) -> None:
    torch.save({"state_dict": source(ARCHS[0]).state_dict()}, tmp_path / name)
    assert info(f"{ARCHS[0]}@{tmp_path / name}").width == source(ARCHS[0]).num_features


def test_safetensors_are_read(tmp_path: Path) -> None:
    model = source(ARCHS[0])
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    built = files.build(info(f"{ARCHS[0]}@{tmp_path / 'w.safetensors'}"))
    assert all(torch.equal(built.state_dict()[name], value) for name, value in model.state_dict().items())


def test_an_extractor_of_pretrain_brings_its_preprocessing(tmp_path: Path) -> None:
    model = networks.network("resnet10-small").eval()
    about = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "input_size": 28, "data": "mnist", "method": "moco"}
    export(tmp_path / "w.safetensors", model, about)
    record = info(f"own:resnet10-small@{tmp_path / 'w.safetensors'}")
    assert (record.mean, record.std, record.input_sizes) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), (28,))
    assert (record.pretrained_on, record.method, record.width) == (
        "mnist",
        "moco",
        networks.ARCHS["resnet10-small"].width,
    )
    x = torch.rand(2, 1, 28, 28)
    mean, std = (torch.tensor(value)[:, None, None] for value in (record.mean, record.std))
    torch.testing.assert_close(build(record, 28, CPU)(x), model((x.expand(-1, 3, -1, -1) - mean) / std))


def test_the_content_is_a_part_of_the_name(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save(source(ARCHS[0]).state_dict(), path)
    values = {"extractor": f"{ARCHS[0]}@{path}", "train_size": 20, "test_size": 20}
    first = resolve(parse_spec(values))
    assert resolve(first) == first
    torch.save({**source(ARCHS[0]).state_dict(), "fc.bias": torch.ones(1)}, path)
    assert resolve(parse_spec(values)).hash != first.hash
    with pytest.raises(WeightsError, match="has changed since"):
        resolve(first)


class Trap:
    """An object whose unpickling would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('code of a weights file was run')",))


@pytest.mark.parametrize(
    ("name", "content", "kind", "words"),
    [
        ("timm:test_resnet", None, SpecError, "Allowed: timm:ARCH@FILE"),
        ("keras:test_resnet@{}.pth", None, SpecError, "Allowed: timm:ARCH@FILE"),
        ("timm:test_resnet@{}.pth", None, WeightsError, "is missing"),
        ("timm:test_resnet@{}.zip", None, WeightsError, "is not one of .safetensors, .pt, .pth"),
        ("timm:nothing@{}.pth", {"a": torch.ones(1)}, SpecError, "no architecture 'nothing'"),
        ("torchvision:nothing@{}.pth", {"a": torch.ones(1)}, SpecError, "no architecture 'nothing'"),
        ("own:resnet10-small@{}.pth", {"a": torch.ones(1)}, WeightsError, "has no record"),
        ("timm:test_resnet@{}.pth", {"a": torch.ones(1)}, WeightsError, "entries are missing"),
        ("timm:test_resnet@{}.pth", {"a": Trap()}, WeightsError, "could run code, and is refused"),
        ("timm:test_resnet@{}.pth", [1, 2], WeightsError, "no dictionary of tensors"),
        ("timm:test_resnet@{}.safetensors", b"nonsense", WeightsError, "not readable safetensors"),
    ],
)
def test_anything_else_is_refused_in_one_line(
    name: str, content: Any, kind: type[PoisonLabError], words: str, tmp_path: Path
) -> None:
    name = name.format(tmp_path / "w")
    if isinstance(content, bytes):
        Path(name.partition("@")[2]).write_bytes(content)
    elif content is not None:
        torch.save(content, name.partition("@")[2])
    with pytest.raises(kind) as caught:
        files.build(files.info(name))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_line_runs_on_a_brought_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    torch.save({"state_dict": prefixed("module.base_encoder.")(source(ARCHS[0]).state_dict())}, tmp_path / "w.pth")
    name = f"{ARCHS[0]}@{tmp_path / 'w.pth'}"
    small = ["--attack", "label-flip", "--train-size", "20", "--test-size", "20", "--device", "cpu", "--quiet"]
    assert main(["run", "--extractor", name, "--out", str(tmp_path / "run"), *small]) == 0
    summary = json.loads((tmp_path / "run" / "result.json").read_text())
    assert summary["spec"]["extractor"].startswith(f"{name}#")
    assert main(["run", "--extractor", name.replace("w.pth", "x.pth"), "--out", str(tmp_path / "no"), *small]) == 2
    assert "is missing" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_the_name_of_an_earlier_version_gets_what_is_needed_now(tmp_path: Path) -> None:
    """A hash means one behaviour: where a file is read otherwise than before, its resolved name says so."""
    tensors = source(ARCHS[0]).state_dict()
    raw, averaged = {name: value + 1 for name, value in tensors.items()}, dict(tensors)
    path = saved(tmp_path / "w.pth", {"state_dict": raw, "state_dict_ema": averaged})
    record = info(f"{ARCHS[0]}@{path}")
    assert record.name == f"{ARCHS[0]}?weights=ema@{path}#{record.name[-16:]}"
    assert torch.equal(files.build(record).state_dict()["conv1.0.weight"], averaged["conv1.0.weight"])
    of_earlier_upload = dataclasses.replace(record, options="", widths=(), macs_of_sizes=(), notes=())
    assert torch.equal(files.build(of_earlier_upload).state_dict()["conv1.0.weight"], raw["conv1.0.weight"])


def test_files_of_torchvision_load_with_their_versions(tmp_path: Path) -> None:
    """MNASNet asks for the version of its layers, which a plain dictionary does not hold."""
    tensors = whole("torchvision:mnasnet0_5")
    built = files.build(info(f"torchvision:mnasnet0_5@{saved(tmp_path / 'w.pth', dict(tensors))}"))
    assert all(torch.equal(value, tensors[name]) for name, value in built.state_dict().items())


def test_a_network_without_a_pool_has_as_many_features_as_its_size_gives(tmp_path: Path) -> None:
    record = info(f"torchvision:squeezenet1_1@{saved(tmp_path / 'w.pth', whole('torchvision:squeezenet1_1'))}")
    assert record.width_at(64) == record.width == 4608
    assert record.width_at(224) == 86528
    assert record.macs_at(224) > 12 * record.macs_at(64)
    images = np.zeros((3, 3, 32, 32), np.uint8)
    values, _ = features.cached(build(record, 128, CPU), images, CPU)
    assert values.shape == (3, record.width_at(128))


@pytest.mark.parametrize("query", ["heads=4", "act=relu", "mean=0.1,0.1,0.1", "std=0.3,0.3,0.3"])
def test_another_function_of_the_same_weights_shares_no_features(query: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pth", source("timm:test_vit").state_dict())
    images = np.zeros((2, 3, 160, 160), np.uint8)
    plain, other = (build(info(f"timm:test_vit{part}@{path}"), 160, CPU) for part in ("", f"?{query}"))
    assert features.digest(plain, images) != features.digest(other, images)
    assert not np.allclose(features.extract(plain, images, CPU), features.extract(other, images, CPU), atol=1e-4)
    again = build(info(f"timm:test_vit?{query}@{path}"), 160, CPU)
    assert features.digest(again, images) == features.digest(other, images)


def test_registered_extractors_keep_their_digests() -> None:
    images = np.zeros((2, 1, 28, 28), np.uint8)
    record = info("resnet10-small-fashion-mnist")
    assert features.digest(build(record, 28, CPU), images) == "548307000eb51d9f7a364877da74ccb1"


def test_what_was_assumed_travels_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("torch.set_num_threads", lambda _: None)
    path = saved(tmp_path / "w.pth", {"state_dict": prefixed("module.")(source(ARCHS[0]).state_dict())})
    small = ["--train-size", "20", "--test-size", "20"]
    run = ["run", "--extractor", f"{ARCHS[0]}@{path}", "--attack", "label-flip", *small, "--device", "cpu", "--quiet"]
    assert main([*run, "--out", str(tmp_path / "run")]) == 0
    lines = [line.removeprefix("note: ") for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]
    assert lines[:2] == [
        "The weights are those of the dictionary 'state_dict' in the file.",
        "The prefix 'module.' was stripped from the names of the weights.",
    ]
    assert json.loads((tmp_path / "run" / "result.json").read_text())["remarks"] == lines
    path.unlink()  # what was assumed stands in the result
    for command in (
        ["defend", str(tmp_path / "run"), "--with", "sphere"],
        ["certify", str(tmp_path / "run"), "--partitions", "3"],
    ):
        assert main(command) == 0
        assert [line.removeprefix("note: ") for line in capsys.readouterr().err.splitlines()] == lines
