"""What this machine computes with."""

import os
import resource
import sys
from pathlib import Path

import psutil
import pytest
import torch

from core.cli.checks import machine
from core.system import retention

SMI = "NVIDIA H100 80GB HBM3, 81559, 500, 550.54.15\n"


def smi(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: int = 0) -> None:
    """Put a program nvidia-smi on the path, which prints a text."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!{sys.executable}\nprint({text!r}, end='')\nraise SystemExit({code})\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.fixture
def no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


def test_cores_and_memory_are_those_of_the_machine() -> None:
    check = machine.processor()
    assert check.state == "ok"
    assert f"{os.cpu_count()} core" in check.text
    assert retention.format_size(psutil.virtual_memory().total) in check.text


def test_a_limit_of_the_container_is_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_memory_limit", lambda: 512 * 10**6)
    monkeypatch.setattr(machine, "_usable_cores", lambda: 1)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert machine.processor().text.startswith("1 of 8 cores, 512 MB memory of ")


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_cpu_computes() -> None:
    gpu, compute = machine.devices()
    assert (gpu.state, gpu.text) == ("ok", "none: runs compute on the CPU")
    assert (compute.state, compute.text) == ("ok", "a product and its gradient are right on cpu; runs use cpu")


def test_gpus_come_with_memory_and_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, SMI * 2)
    assert machine.gpus() == ["NVIDIA H100 80GB HBM3, 81559 MiB, 500 MiB of it taken, driver 550.54.15"] * 2
    smi(tmp_path, monkeypatch, "NVIDIA-SMI has failed because it couldn't communicate with the driver", code=9)
    assert machine.gpus() == []


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_torch_does_not_see_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    smi(tmp_path, monkeypatch, SMI)
    gpu, compute = machine.devices()
    assert gpu.state == "warning"
    assert "NVIDIA H100 80GB HBM3" in gpu.text
    assert gpu.text.endswith("and sees 0")
    assert compute.state == "ok"


@pytest.mark.usefixtures("no_gpu")
def test_a_device_that_fails_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two "GPUs": on a machine without one, torch can't compute there."""
    smi(tmp_path, monkeypatch, SMI)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    real = torch.arange

    def arange(*arguments: int, device: str, **options: torch.dtype) -> torch.Tensor:
        if device == "cuda:0":
            raise RuntimeError("CUDA error: no kernel image is available\nCompile with ...")
        return real(*arguments, **options)

    monkeypatch.setattr("torch.arange", arange)
    gpu, right, wrong = machine.devices()
    assert (gpu.state, right.state, wrong.state) == ("ok", "ok", "fault")
    assert "no kernel image is available" in wrong.text
    assert "Compile" not in wrong.text
    assert "--device cpu" in wrong.remedy


@pytest.mark.usefixtures("no_gpu")
def test_wrong_numbers_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.Tensor.__matmul__", lambda left, right: 2 * torch.mm(left, right))
    [_, compute] = machine.devices()
    assert compute.state == "fault"
    assert compute.text == "on cpu, a small computation gives wrong numbers"


@pytest.mark.usefixtures("no_gpu")
def test_a_torch_that_can_not_be_imported_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    [compute] = machine.devices()
    assert compute.state == "fault"
    assert compute.text.startswith("torch can't be imported")


def test_few_open_files_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert f"{soft:,}" in machine.open_files().text
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 4096))
    check = machine.open_files()
    assert check.state == "warning"
    assert check.remedy.endswith("ulimit -n 4096.")
    monkeypatch.setitem(sys.modules, "resource", None)
    assert machine.open_files().state == "ok"
