"""Pretraining keeps a GPU busy: no step waits for it, and images lie there or are copied meanwhile."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.data.readers import read
from core.data.registry import DATA
from core.pretraining import step
from core.pretraining.batches import Batches
from core.pretraining.methods import METHODS
from core.pretraining.step import WARM_UP
from core.pretraining.train import Progress, Settings, pretrain

NORMALISE = ((0.3, 0.3, 0.3), (0.35, 0.35, 0.35))


def images(count: int) -> torch.Tensor:
    return torch.from_numpy(read(DATA["fashion-mnist"], "train")[0][:count].copy())


def waits(method: str, steps: int, device: torch.device) -> int:
    """How often torch says that an epoch of so many steps waited for the GPU; it says nothing of a CPU."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if device.type == "cuda":
            torch.cuda.set_sync_debug_mode("warn")
        try:
            settings = Settings(method=method, epochs=1, batch=8)
            pretrain(images(8 * steps), settings, normalise=NORMALISE, device=device)
        finally:
            if device.type == "cuda":
                torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("method", METHODS)
def test_more_steps_wait_no_more_often(method: str, device: torch.device) -> None:
    waits(method, 1, device)  # what is loaded and chosen once
    least = WARM_UP + 1  # of which the last is recorded
    assert waits(method, least + 6, device) == waits(method, least + 2, device)


@pytest.mark.parametrize("method", METHODS)
def test_recorded_steps_are_the_steps(method: str, device: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the random numbers, the rate and the queue of each step: the same losses as without a recording."""

    def losses() -> list[float]:
        settings = Settings(method=method, epochs=2, batch=8)
        return pretrain(images(64), settings, normalise=NORMALISE, device=device).losses

    recorded = losses()
    monkeypatch.setattr(step, "WARM_UP", 1_000)
    assert losses() == pytest.approx(recorded, rel=1e-2)


@pytest.mark.parametrize("method", METHODS)
def test_it_goes_on_from_a_checkpoint(method: str, device: torch.device, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        if progress.epoch == 1 and progress.step == 5:
            raise Killed

    def run(checkpoint: Path | None, report: Callable[[Progress], None] = lambda progress: None) -> list[float]:
        settings = Settings(method=method, epochs=2, batch=8)
        x = images(64)
        return pretrain(x, settings, normalise=NORMALISE, device=device, checkpoint=checkpoint, report=report).losses

    with pytest.raises(Killed):
        run(tmp_path / "run.checkpoint", kill)
    assert run(tmp_path / "run.checkpoint") == pytest.approx(run(None), rel=1e-2)


def test_batches_are_the_same_wherever_the_images_lie(device: torch.device) -> None:
    x = images(40)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    for resident in (True, False):
        batches = Batches(x, device, resident=resident)
        batches.shuffle(order)
        batch = batches.take(10, 16)
        assert batch.device.type == device.type
        torch.testing.assert_close(batch.cpu(), x[order[10:26]].float() / 255.0, rtol=0, atol=1e-7)


def test_the_loss_falls(device: torch.device) -> None:
    settings = Settings(epochs=3, batch=32)
    done = pretrain(images(96), settings, normalise=NORMALISE, device=device)
    assert len(done.losses) == 3
    assert done.losses[2] < done.losses[0] < 6
