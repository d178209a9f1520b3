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
"""Data whose images mean something else in a mirror."""
BANK, QUERIES = 5_000, 1_000
"""Training images that vote, and that are queries, while kNN accuracy is monitored."""
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
    """Pre-train on all training images of a data set, and write weights and record to a safetensors file.

    Labels are read to monitor and to measure, never to train. The checkpoint lies beside the file while it works.
    Of data that has domains, the first one is taken where none is named.

    Returns:
        The record: settings, seconds, losses, kNN accuracies, the linear probe on test images and the same of raw
        pixels. None in all but the first of several processes, which does not write either.

    Raises:
        PoisonLabError: bad settings, missing data, or a checkpoint of another pre-training.
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
    done = pretrain(
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
    features = [features_of(done.backbone, part, (mean, std), device) for part in (x[probe_rows], test_x)]
    pixels = [part.flatten(1).float() / 255.0 for part in (x[probe_rows], test_x)]
    probes = [
        linear_probe(train.cpu(), y[probe_rows], test.cpu(), test_y, len(record.classes))
        for train, test in (features, pixels)
    ]
    found = {
        **asdict(settings),
        "data": record.name,
        "domain": domain,
        "images": len(x),
        "input_size": x.shape[-1],
        "mean": mean,
        "std": std,
        "seconds": done.seconds,
        "losses": done.losses,
        "knn": done.knn,
        "linear_probe": probes[0],
        "linear_probe_of_pixels": probes[1],
        "probe_images": len(probe_rows),
        "licence": record.licence,
    }
    export(out, done.backbone, found)
    checkpoint.unlink(missing_ok=True)
    return found


def _statistics(x: Tensor) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Mean and deviation of each of three channels, of images in [0, 1], to three digits."""
    scaled = x.float() / 255.0
    mean, std = (value.expand(3).tolist() for value in (scaled.mean((0, 2, 3)), scaled.std((0, 2, 3))))
    return tuple(round(v, 3) for v in mean), tuple(round(v, 3) for v in std)
