"""Several processes, as torchrun starts them: one model, one writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.paths import ROOT

SCRIPT = """
import sys
from pathlib import Path

import torch

from core.pretraining.train import Settings, is_first_process, pretrain, processes

folder = Path(sys.argv[1])
told = []
x = torch.randint(0, 256, (32, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
with processes(torch.device("cpu")) as device:
    rank = torch.distributed.get_rank()
    checkpoint = folder / f"{rank}.checkpoint"
    settings = Settings(epochs=2, batch=16, method=sys.argv[2])
    normalise = ((0.5,) * 3, (0.5,) * 3)
    done = pretrain(x, settings, normalise=normalise, device=device, checkpoint=checkpoint, tell=told.append)
    assert is_first_process() == (rank == 0)
torch.save(dict(done.backbone.named_parameters()), folder / f"{rank}.pt")
(folder / f"{rank}.told").write_text(str(len(told)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("method", ["simclr", "moco"])
def test_two_processes_train_one_model_and_one_of_them_writes(method: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(tmp_path / "script.py"), str(tmp_path), method],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert [(tmp_path / f"{rank}.told").read_text() for rank in (0, 1)] == ["4", "0"]
    assert (tmp_path / "0.checkpoint").exists()
    assert not (tmp_path / "1.checkpoint").exists()
