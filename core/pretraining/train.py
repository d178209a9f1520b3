"""Pretraining: two views, a contrastive loss, AdamW with a cosine schedule, a checkpoint after every epoch.

Each epoch has its own seed for batches and views. A run that is killed resumes from its last checkpoint and ends
with the same weights as one that was not.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from core.extractors import networks
from core.extractors.features import extract
from core.pretraining.augment import Augmentation
from core.pretraining.batches import Batches
from core.pretraining.checkpoint import State
from core.pretraining.methods import METHODS
from core.pretraining.probes import knn_accuracy
from core.pretraining.step import Step
from core.system import finite_json
from core.system.errors import InsufficientMemory, PoisonLabError
from core.system.files import replacing


@dataclass(frozen=True)
class Settings:
    """Settings of a pretraining; the same settings and images give the same weights on the same machine.

    Attributes:
        method: a key of `METHODS`.
        arch: a key of `networks.ARCHS`.
        rate: peak learning rate of AdamW, reached after a tenth of the steps; it then falls to 0 along a cosine.
        batch: images per step, over all processes.
    """

    method: str = "simclr"
    arch: str = "resnet10-small"
    epochs: int = 24
    batch: int = 256
    rate: float = 2e-3
    weight_decay: float = 1e-4
    temperature: float = 0.1
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class Progress:
    """Progress of a pretraining, reported after each step.

    `loss`, the mean of the epoch, and `knn` are set after its last step, else None: the loss of each step could only be
    read by making a GPU wait.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float | None = None
    knn: float | None = None


@dataclass(frozen=True)
class Pretrained:
    """A finished pretraining.

    Attributes:
        backbone: in evaluation mode.
        losses: mean loss of each epoch.
        knn: kNN accuracy after each epoch; empty without labelled images.
        seconds: total time, including that before a restart.
    """

    backbone: nn.Module
    losses: list[float]
    knn: list[float]
    seconds: float


def pretrain(
    x: Tensor,
    settings: Settings,
    *,
    normalise: tuple[tuple[float, float, float], tuple[float, float, float]],
    device: torch.device,
    checkpoint: Path | None = None,
    labelled: tuple[Tensor, Tensor, Tensor, Tensor] | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Pretrained:
    """Train a backbone on images without labels.

    Args:
        x: (N, C, H, W) uint8 images.
        settings: of the pretraining.
        normalise: mean and standard deviation per channel, as the finished extractor will use them.
        device: where to compute.
        checkpoint: a file that is written after every epoch; training resumes from it if it exists.
        labelled: images (n, C, H, W) uint8 and labels (n,) of neighbours, and images and labels to classify, to
            monitor kNN accuracy. No weight depends on them.
        report: called with the progress, by the first process only.

    Raises:
        PoisonLabError: the checkpoint is of another pretraining or damaged; too few images for one batch; a step needs
            more memory than the GPU has.
    """
    rank, world = _process()
    share = settings.batch // world
    steps = len(x) // settings.batch
    if steps == 0 or share == 0:
        raise PoisonLabError(f"A batch of {settings.batch} is more than the {len(x)} images. Use a smaller one.")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(settings.seed)
        width = networks.ARCHS[settings.arch].width
        method = METHODS[settings.method](networks.network(settings.arch), width, settings.temperature)
    method = method.to(device).to(memory_format=torch.channels_last)
    on_gpu = device.type == "cuda"
    recorded = on_gpu and world == 1
    optimiser = torch.optim.AdamW(
        method.parameters(),
        lr=torch.tensor(settings.rate, device=device) if recorded else settings.rate,
        weight_decay=settings.weight_decay,
        fused=on_gpu or None,
        capturable=recorded,
    )
    total = settings.epochs * steps
    # torch divides by the length of the rise less a step, which a tenth of ten steps leaves nothing of.
    rise = 0.1 if total != 9 else 0.2
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.rate, total_steps=total + 1, pct_start=rise, cycle_momentum=False
    )
    state = State(method, optimiser, schedule, asdict(settings))
    if checkpoint is not None:
        state.restore(checkpoint)
    if recorded:  # a checkpoint brings a rate in host memory, or a number
        for group in optimiser.param_groups:
            group["lr"] = torch.as_tensor(group["lr"], dtype=torch.float32).to(device)
    trained: nn.Module = method
    if world > 1:
        if on_gpu:
            method = nn.SyncBatchNorm.convert_sync_batchnorm(method)  # type: ignore[no-untyped-call]
        trained = DistributedDataParallel(method, find_unused_parameters=settings.method == "moco")
    normalised = _Normalise(*normalise, device)
    batches = Batches(x, device)
    train_on = Step(method, trained, optimiser, settings.augmentation, normalised, device, recorded=recorded)
    losses = torch.zeros(steps, device=device)
    for epoch in range(state.epoch, settings.epochs):
        begun = time.perf_counter()
        method.train()
        batches.shuffle(torch.randperm(len(x), generator=torch.Generator().manual_seed(_seed(settings.seed, epoch))))
        train_on.seed(_seed(settings.seed, epoch, rank))
        # Nothing here may ask the device for a value: a GPU is handed the next steps while it computes.
        with _explain_out_of_memory(settings.batch):
            for step in range(steps):
                losses[step] = train_on(batches.take(step * settings.batch + rank * share, share))
                schedule.step()
                if rank == 0 and step < steps - 1:
                    report(Progress(epoch, settings.epochs, step + 1, steps))
            mean = sum(losses.tolist()) / steps
        state.finish_epoch(mean, time.perf_counter() - begun)
        if rank == 0:
            if labelled is not None:
                bank_x, bank_y, query_x, query_y = labelled
                bank, queries = (
                    features_of(method.backbone, images, normalise, device) for images in (bank_x, query_x)
                )
                n_classes = int(bank_y.max()) + 1
                state.knn.append(knn_accuracy(bank, bank_y.to(device), queries, query_y.to(device), n_classes))
            report(Progress(epoch, settings.epochs, steps, steps, mean, state.knn[-1] if state.knn else None))
            if checkpoint is not None:
                state.save(checkpoint)
    return Pretrained(method.backbone.eval(), state.losses, state.knn, state.seconds)


def export(path: Path, backbone: nn.Module, record: Mapping[str, Any]) -> None:
    """Write a backbone as safetensors, atomically.

    Args:
        path: the file.
        backbone: the module.
        record: goes into the file's metadata.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in backbone.state_dict().items()}
    with replacing(path) as file:
        file.write(save(tensors, {"record": finite_json.dumps(dict(record), sort_keys=True)}))


def features_of(
    backbone: nn.Module,
    images: Tensor,
    normalise: tuple[tuple[float, float, float], tuple[float, float, float]],
    device: torch.device,
) -> Tensor:
    """Features (N, d), on the device, by a backbone in evaluation mode.

    Args:
        backbone: the module.
        images: (N, C, H, W) uint8.
        normalise: mean and standard deviation per channel.
        device: where to compute.
    """
    pipeline = nn.Sequential(_Normalise(*normalise, device), backbone.to(device)).eval()
    return torch.from_numpy(extract(pipeline, images.numpy(), device)).to(device)


class _Normalise(nn.Module):
    """Expands grey images to three channels, and normalises them."""

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device) -> None:
        super().__init__()
        self.mean, self.std = (torch.tensor(value, device=device)[:, None, None] for value in (mean, std))

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) of images x (N, C, H, W) in [0, 1]."""
        return ((x.expand(-1, 3, -1, -1) - self.mean) / self.std).contiguous(memory_format=torch.channels_last)


@contextmanager
def _explain_out_of_memory(batch: int) -> Iterator[None]:
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise InsufficientMemory(
            f"The memory of the GPU is not enough for steps of {batch} images: use a smaller batch, which is another "
            "recipe, or compute on the CPU (--device cpu)."
        ) from error


def _seed(*numbers: int) -> int:
    seed = 0
    for number in numbers:
        seed = (seed * 1_000_003 + number + 1) % 2**31
    return seed


def is_first_process() -> bool:
    """Whether this process writes and reports; True if there is no other."""
    return _process()[0] == 0


def _process() -> tuple[int, int]:
    """Rank and number of processes."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


@contextmanager
def processes(device: torch.device) -> Iterator[torch.device]:
    """Join the process group of torchrun, if there is one; yields the device of this process."""
    if "RANK" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()
