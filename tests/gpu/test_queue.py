"""Runs of a server that share a device: they wait or work side by side, and leave its memory as they found it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.experiments.run import run
from core.serving.engine import Engine
from core.serving.metrics import as_text, measure
from core.spec.experiment import ExperimentSpec, parse_spec
from core.storage.runs import Store
from tests.gpu.memory import MEBIBYTE, used
from tests.patience import PATIENCE, until

pytestmark = pytest.mark.processes
GROWTH = 200 * MEBIBYTE
"""What a worker may hold more after a run like the one before: less than one more extractor with a batch."""


def spec(seed: int) -> ExperimentSpec:
    settings = {"name": "ft-matching", "steps": 5, "match_steps": 3, "finish_steps": 2}
    return parse_spec({"attack": settings, "train_size": 60, "test_size": 100, "budget": 0.1, "seed": seed})


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def engine(
    request: pytest.FixtureRequest, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Engine]:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    monkeypatch.delenv("POISON_LAB_SCHEDULER", raising=False)
    started = Engine(Store(tmp_path / "results", shipped=None), n_workers=request.param, device=device.type)
    yield started
    started.close()


def done(engine: Engine, *specs: ExperimentSpec) -> list[float]:
    """Poisoned accuracies of runs that are asked for at once."""
    jobs = [engine.submit(one) for one in specs]
    accuracies = []
    for job in jobs:
        status = job.wait(3 * PATIENCE)
        assert (status.state, status.error) == ("done", None)
        stored = engine.store.get(job.id)
        assert stored is not None
        accuracies.append(stored.summary.poisoned.accuracy)
    return accuracies


def test_two_runs_on_one_device_are_those_of_a_device_of_their_own(
    engine: Engine, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path / "alone"))
    alone = [run(spec(seed), device=device.type, with_map=False).poisoned.accuracy for seed in (0, 1)]
    assert done(engine, spec(0), spec(1)) == pytest.approx(alone, abs=0.0 if device.type == "cpu" else 0.02)


@pytest.mark.parametrize("engine", [1], indirect=True)
def test_a_worker_gives_back_the_memory_of_a_run_and_metrics_tell_what_is_taken(
    engine: Engine, device: torch.device
) -> None:
    if device.type == "cuda":
        torch.cuda.init()  # this process's own context is there before and after
    before = used(device)
    done(engine, spec(0))
    first = used(device)
    done(engine, spec(1), spec(2))
    assert used(device) < first + GROWTH

    def samples() -> dict[str, float]:
        pattern = r'^poison_lab_gpu_memory_(used|total)_bytes\{process="worker-0"\} (\S+)$'
        return {name: float(value) for name, value in re.findall(pattern, as_text(measure(engine)), re.M)}

    if device.type == "cuda":
        until(lambda: "used" in samples())
        told = samples()
        assert told["total"] == torch.cuda.mem_get_info(device)[1]
        assert 0 < told["used"] <= told["total"]
        assert told["used"] == pytest.approx(used(device), abs=GROWTH)
    else:
        assert samples() == {}, "without a GPU there is nothing to tell"
    engine.close()
    until(lambda: used(device) < before + 64 * MEBIBYTE)
