"""Several processes, as torchrun starts them: one model, one writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.system.paths import ROOT

pytestmark = [pytest.mark.processes, pytest.mark.slow]
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")

SCRIPT = """
import sys
from pathlib import Path

import torch

from core.pretraining.train import Settings, is_first_process, pretrain, processes

folder = Path(sys.argv[1])
reports = []
x = torch.randint(0, 256, (32, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
with processes(torch.device("cpu")) as device:
    rank = torch.distributed.get_rank()
    checkpoint = folder / f"{rank}.checkpoint"
    settings = Settings(epochs=2, batch=16, method=sys.argv[2])
    normalise = ((0.5,) * 3, (0.5,) * 3)
    done = pretrain(x, settings, normalise=normalise, device=device, checkpoint=checkpoint, report=reports.append)
    assert is_first_process() == (rank == 0)
torch.save(dict(done.backbone.named_parameters()), folder / f"{rank}.pt")
(folder / f"{rank}.reports").write_text(str(len(reports)))
"""


@pytest.mark.parametrize("method", ["simclr", "moco"])
def test_two_processes_train_one_model_and_one_of_them_writes(method: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [*TORCHRUN, str(tmp_path / "script.py"), str(tmp_path), method],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [(tmp_path / f"{rank}.reports").read_text() for rank in (0, 1)] == ["4", "0"]
    assert (tmp_path / "0.checkpoint").exists()
    assert not (tmp_path / "1.checkpoint").exists()


COMMAND = """
import os
import sys
from pathlib import Path

import torch

from core.__main__ import main
from core.data.readers import read
from core.pretraining import recipe

folder, rank = Path(sys.argv[1]), os.environ["RANK"]


def first(record, part, domain=None):
    return tuple(array[:100] for array in read(record, part, domain))


def probe(*_):
    (folder / f"{rank}.probed").touch()
    return 0.5


recipe.read, recipe.linear_probe = first, probe
few = ["--epochs", "1", "--batch", "32", "--device", "cpu"]
assert main(["pretrain", *few, "--out", str(folder / "a.safetensors")]) == 0
(folder / f"{rank}.threads").write_text(str(torch.get_num_threads()))
"""


def test_of_two_processes_the_first_measures_and_writes_and_each_takes_half_the_cores(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(COMMAND)
    done = subprocess.run(
        [*TORCHRUN, str(tmp_path / "script.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("linear probe") == done.stdout.count("epoch 1/1") == 1
    half = str(max(1, (os.cpu_count() or 1) // 2))
    assert [(tmp_path / f"{rank}.threads").read_text() for rank in (0, 1)] == [half, half]
    left = {path.name for path in tmp_path.iterdir()} - {"script.py", "0.threads", "1.threads"}
    assert left == {"a.safetensors", "0.probed"}
