"""From a data set to a weights file: `python -m core pretrain`."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.data.readers import read
from core.data.registry import DataInfo, check_domain
from core.pretraining.probes import linear_probe
from core.pretraining.train import Progress, Settings, export, features_of, is_first_process, pretrain

NO_FLIP = ("mnist", "svhn")
"""Data sets whose images must not be mirrored."""
BANK, QUERIES = 5_000, 1_000
"""Training images that kNN accuracy is monitored with: neighbours, and images to classify."""
PROBE_IMAGES = 10_000


def pretrain_data(
    record: DataInfo,
    settings: Settings,
    out: Path,
    *,
    domain: str | None = None,
    device: torch.device,
    report: Callable[[Progress], None] = lambda progress: None,
) -> dict[str, Any] | None:
    """Pretrain on all training images of a data set, and write weights and record to a safetensors file.

    Labels are used to monitor and to measure, never to train. The checkpoint is a file next to the output.

    Args:
        record: the data set.
        settings: of the pretraining; `flip` is switched off for `NO_FLIP`.
        out: the safetensors file.
        domain: for data that has domains; None: the first one.
        device: where to compute.
        report: called with the progress after each step.

    Returns:
        The record: settings, seconds, losses, kNN accuracies, accuracy of the linear probe on test images and of the
        same on raw pixels. None in every process but the first, which alone writes.

    Raises:
        PoisonLabError: invalid settings, missing data, or a checkpoint of another pretraining.
    """
    check_domain(record, domain, "domain")
    if record.domains:
        domain = domain or record.domains[0]
    x, y = (torch.from_numpy(array.copy()) for array in read(record, "train", domain))
    if record.name in NO_FLIP:
        settings = replace(settings, augmentation=replace(settings.augmentation, flip=False))
    mean, std = _statistics(x)
    rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    queries = rows[: min(QUERIES, len(x) // 5)]
    bank = rows[len(queries) :][:BANK]
    checkpoint = out.with_suffix(".checkpoint")
    pretrained = pretrain(
        x,
        settings,
        normalise=(mean, std),
        device=device,
        checkpoint=checkpoint,
        labelled=(x[bank], y[bank], x[queries], y[queries]),
        report=report,
    )
    if not is_first_process():
        return None
    test_x, test_y = (torch.from_numpy(array.copy()) for array in read(record, "test", domain))
    probe_rows = rows[:PROBE_IMAGES]
    features = [features_of(pretrained.backbone, part, (mean, std), device) for part in (x[probe_rows], test_x)]
    pixels = [part.flatten(1).float() / 255.0 for part in (x[probe_rows], test_x)]
    probes = [
        linear_probe(train.cpu(), y[probe_rows], test.cpu(), test_y, len(record.classes))
        for train, test in (features, pixels)
    ]
    metadata = {
        **asdict(settings),
        "data": record.name,
        "domain": domain,
        "images": len(x),
        "input_size": x.shape[-1],
        "mean": mean,
        "std": std,
        "seconds": pretrained.seconds,
        "losses": pretrained.losses,
        "knn": pretrained.knn,
        "linear_probe": probes[0],
        "linear_probe_of_pixels": probes[1],
        "probe_images": len(probe_rows),
        "licence": record.licence,
    }
    export(out, pretrained.backbone, metadata)
    checkpoint.unlink(missing_ok=True)
    return metadata


def _statistics(x: Tensor) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and standard deviation of three channels of images x (N, C, H, W) uint8, scaled to [0, 1]; to 3 digits."""
    scaled = x.float() / 255.0
    mean, std = (value.expand(3).tolist() for value in (scaled.mean((0, 2, 3)), scaled.std((0, 2, 3))))
    return tuple(round(v, 3) for v in mean), tuple(round(v, 3) for v in std)
