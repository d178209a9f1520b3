"""Quality of the features of each extractor on each embedded data set: `python -m core compare-extractors`.

The results ship as `assets/extractors.json`, with raw pixels as the baseline.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.catalog.lookup import extractor_info as info
from core.data.registry import DATA, DataInfo
from core.system import finite_json, paths
from core.system.errors import SpecError
from core.system.files import write_text

if TYPE_CHECKING:
    import torch

PIXELS = "pixels"
"""Stands for raw pixels in place of an extractor."""
PROBED = 10_000
EMBEDDED = tuple(name for name, record in DATA.items() if record.embedded)
FILE = paths.ASSETS / "extractors.json"


@dataclass(frozen=True)
class Quality:
    """Test accuracies in [0, 1] of a k-nearest-neighbour classifier and of a linear probe."""

    knn: float
    linear_probe: float
    train_images: int
    test_images: int


Table = dict[str, dict[str, Quality]]
"""By extractor, then by data set."""


def measure(extractor: str, data: DataInfo, device: "torch.device") -> Quality:
    """Measure one extractor at its first input size on one data set, in its first domain.

    Args:
        extractor: name of an extractor, or `PIXELS`.
        data: the data set.
        device: of the extractor.

    Raises:
        PoisonLabError: unknown name, missing weights or data.
    """
    # Imported here so that reading the results does not import torch.
    import numpy as np
    import torch

    from core.data.split import draw
    from core.extractors.build import build
    from core.extractors.features import extract
    from core.pretraining.probes import knn_accuracy, linear_probe

    domain = data.domains[0] if data.domains else None
    split = draw(
        data,
        train_size=min(PROBED, data.train_images),
        test_size=min(PROBED, data.test_images),
        seed=0,
        train_domain=domain,
        test_domain=domain,
    )
    if extractor == PIXELS:
        train, test = (
            np.asarray(x).reshape(len(x), -1).astype(np.float32) / 255.0 for x in (split.train_x, split.test_x)
        )
    else:
        record = info(extractor)
        model = build(record, record.input_sizes[0], device)
        train, test = (extract(model, x, device) for x in (split.train_x, split.test_x))
    z, y, test_z, test_y = (torch.from_numpy(array) for array in (train, split.train_y, test, split.test_y))
    n_classes = len(data.classes)
    return Quality(
        knn=knn_accuracy(z, y, test_z, test_y, n_classes),
        linear_probe=linear_probe(z, y, test_z, test_y, n_classes),
        train_images=len(y),
        test_images=len(test_y),
    )


def measure_all(
    extractors: Iterable[str],
    data: Iterable[str],
    device: "torch.device",
    path: Path = FILE,
    report: Callable[[str], None] = lambda line: None,
) -> Table:
    """Measure extractors on data sets; each result is written to the file at once, and other entries are kept.

    Args:
        extractors: names of extractors, or `PIXELS`.
        data: names of embedded data sets.
        device: of the extractors.
        path: of the file.
        report: receives a line for each measurement.

    Raises:
        PoisonLabError: see `measure`.
    """
    table = read(path) if path.exists() else {}
    for extractor in extractors:
        for name in data:
            if name not in EMBEDDED:
                raise SpecError(f"{name!r} is no embedded data set. Known: {', '.join(EMBEDDED)}.")
            quality = measure(extractor, DATA[name], device)
            table.setdefault(extractor, {})[name] = quality
            text = finite_json.dumps(
                {key: {k: asdict(v) for k, v in row.items()} for key, row in table.items()}, indent=1
            )
            write_text(path, f"{text}\n")
            report(f"{extractor} {name}: linear probe {100 * quality.linear_probe:.1f}%  kNN {100 * quality.knn:.1f}%")
    return table


def read(path: Path = FILE) -> Table:
    """The stored results."""
    stored = json.loads(path.read_text())
    return {key: {name: Quality(**quality) for name, quality in row.items()} for key, row in stored.items()}
