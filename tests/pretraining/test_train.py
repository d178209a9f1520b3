"""Training learns, can be killed at any moment, and ends with the same weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from sklearn.datasets import load_digits
from torch.utils._python_dispatch import TorchDispatchMode

from core.extractors import networks
from core.pretraining.methods import METHODS
from core.pretraining.train import Pretrained, Progress, Settings, export, pretrain
from core.system.errors import InsufficientMemory, PoisonLabError, SpecError

CPU = torch.device("cpu")
NORMALISE = ((0.3, 0.3, 0.3), (0.4, 0.4, 0.4))


def digits(n: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    x, y = load_digits(return_X_y=True)
    return torch.from_numpy((x[:n] * 15).astype("uint8")).reshape(-1, 1, 8, 8), torch.from_numpy(y[:n])


def train(method: str = "simclr", n: int = 64, **values: Any) -> Pretrained:
    settings = Settings(method=method, epochs=values.pop("epochs", 2), batch=values.pop("batch", 16))
    return pretrain(digits(n)[0], settings, normalise=NORMALISE, device=CPU, **values)


def weights(done: Pretrained) -> list[torch.Tensor]:
    return list(done.backbone.state_dict().values())


def same(one: Pretrained, other: Pretrained) -> bool:
    return all(torch.equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stop", [(0, 3), (1, 1), (1, 4)])
def test_killed_anywhere_it_ends_with_the_same_weights(method: str, stop: tuple[int, int], tmp_path: Path) -> None:
    whole = train(method)

    class Killed(Exception):
        pass

    def kill(progress: Progress) -> None:
        if (progress.epoch, progress.step) == stop:
            raise Killed

    checkpoint = tmp_path / "run.checkpoint"
    with pytest.raises(Killed):
        train(method, checkpoint=checkpoint, report=kill)
    assert checkpoint.exists() == (stop[0] > 0)
    steps: list[int] = []
    resumed = train(method, checkpoint=checkpoint, report=lambda progress: steps.append(progress.epoch))
    assert min(steps) == stop[0]
    assert same(whole, resumed)
    assert resumed.losses == whole.losses


def test_the_loss_falls_and_neighbours_get_better() -> None:
    x, y = digits(1000)
    reports: list[Progress] = []
    settings = Settings(epochs=4, batch=100)
    labelled = (x[:800], y[:800], x[800:], y[800:])
    done = pretrain(x, settings, normalise=NORMALISE, device=CPU, labelled=labelled, report=reports.append)
    assert done.losses[-1] < done.losses[0]
    assert len(done.knn) == 4
    assert [progress.knn for progress in reports if progress.knn is not None] == done.knn
    assert done.knn[-1] > 0.3
    assert not done.backbone.training


def test_labels_change_no_weight() -> None:
    x, y = digits()
    with_labels = train(labelled=(x[:48], y[:48], x[48:], y[48:]))
    assert same(train(), with_labels)


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.checkpoint"
    train(epochs=1, checkpoint=checkpoint)
    with pytest.raises(PoisonLabError, match="other settings"):
        train(epochs=2, checkpoint=checkpoint)
    checkpoint.write_bytes(b"nonsense")
    with pytest.raises(PoisonLabError, match="can't be read"):
        train(epochs=1, checkpoint=checkpoint)


def test_a_batch_larger_than_the_data_is_refused() -> None:
    with pytest.raises(PoisonLabError, match="A batch of 65 is more than the 64 images"):
        train(batch=65)


@pytest.mark.parametrize("arch", networks.ARCHS)
@pytest.mark.parametrize("side", [8, 28, 64])
def test_networks_take_small_images(arch: str, side: int) -> None:
    assert networks.network(arch).eval()(torch.zeros(2, 3, side, side)).shape == (2, networks.ARCHS[arch].width)


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(SpecError, match="Known: resnet10-small, resnet18-small"):
        networks.network("resnet19")


def test_export_is_read_back(tmp_path: Path) -> None:
    done = train(epochs=1)
    export(tmp_path / "a.safetensors", done.backbone, {"arch": "resnet10-small"})
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert file.metadata() == {"record": '{"arch": "resnet10-small"}'}
        for name, value in done.backbone.state_dict().items():
            assert torch.equal(file.get_tensor(name), value)


def _one_process(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", f"file://{folder}/meet", rank=rank, world_size=2)
    done = train(epochs=1)
    torch.save(list(done.backbone.parameters()), f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


@pytest.mark.processes
def test_two_processes_learn_one_network(tmp_path: Path) -> None:
    torch.multiprocessing.spawn(_one_process, (str(tmp_path),), nprocs=2)
    one, other = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], next(train(epochs=1).backbone.parameters()))  # half the batch in each BatchNorm


def test_losses_are_read_once_an_epoch() -> None:
    reports: list[Progress] = []
    done = train(report=reports.append)
    assert [(progress.epoch, progress.step) for progress in reports] == [(e, s) for e in (0, 1) for s in (1, 2, 3, 4)]
    assert [progress.loss for progress in reports] == [
        None,
        None,
        None,
        done.losses[0],
        None,
        None,
        None,
        done.losses[1],
    ]
    assert 1 < done.losses[1] < 4


class Reads(TorchDispatchMode):
    """Counts how often a value of a tensor is asked for, for which a GPU would have to be waited for."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("method", METHODS)
def test_no_step_asks_the_device_for_a_value(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As on a GPU; else AdamW asks for the number of its step, which lies in host memory.
    adamw = torch.optim.AdamW
    monkeypatch.setattr(torch.optim, "AdamW", lambda *args, **options: adamw(*args, **{**options, "fused": True}))
    counts = []
    for n in (32, 96):
        with Reads() as reads:
            train(method, n, epochs=1)
        counts.append(reads.count)
    assert counts[0] == counts[1]


def test_too_little_memory_for_a_step_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("core.pretraining.step.two_views", full)
    with pytest.raises(InsufficientMemory, match="not enough for steps of 16 images: use a smaller batch"):
        train()


@pytest.mark.parametrize("epochs", [1, 3, 9, 10])
def test_any_number_of_steps_is_a_pretraining(epochs: int) -> None:
    """Nine too, of which the rate's rise would have been of no length."""
    done = train(n=16, epochs=epochs)
    assert len(done.losses) == epochs
    assert all(0 < loss < 10 for loss in done.losses)
