"""The extractors of our own that ship: their records are true, and they beat the pixels that they saw."""

import json

import pytest
import torch
from safetensors import safe_open

from core.catalog.lookup import data_info
from core.data.split import draw
from core.extractors.architectures import measure
from core.extractors.build import build
from core.extractors.features import extract
from core.extractors.registry import EXTRACTORS, ExtractorInfo
from core.pretraining.probes import knn_accuracy, linear_probe
from core.system import paths

SHIPPED = [record for record in EXTRACTORS.values() if record.library == "own"]
OF_FEW = "resnet10-small-emoji-google"
"""Pretrained on 1,340 images: a head on it is little better than one on pixels, its nearest neighbours are by far."""


@pytest.fixture(params=SHIPPED, ids=lambda record: record.name)
def record(request: pytest.FixtureRequest) -> ExtractorInfo:
    info: ExtractorInfo = request.param
    return info


def test_the_registry_says_what_the_file_says(record: ExtractorInfo) -> None:
    with safe_open(paths.EXTRACTORS / record.weights, framework="pt") as file:
        about = json.loads(file.metadata()["record"])
    assert (about["arch"], about["method"], about["data"]) == (record.arch, record.method, record.pretrained_on)
    assert (tuple(about["mean"]), tuple(about["std"])) == (record.mean, record.std)
    assert (about["input_size"],) == record.input_sizes
    measured, scale = measure("own", record.arch, record.input_sizes[0]), (224 / record.input_sizes[0]) ** 2
    assert (measured.width, measured.macs * scale) == (record.width, pytest.approx(record.macs, rel=0.01))
    assert (about["domain"] or "") == record.domain
    assert about["linear_probe"] >= about["linear_probe_of_pixels"] + (0.01 if record.name == OF_FEW else 0.03)
    assert about["epochs"] == len(about["knn"])
    assert (paths.EXTRACTORS / record.weights).stat().st_size < 12 << 20


def test_its_features_beat_the_pixels_it_saw(record: ExtractorInfo) -> None:
    data = data_info(record.pretrained_on)
    domain = record.domain or None
    split = draw(data, train_size=1000, test_size=500, seed=1, train_domain=domain, test_domain=domain)
    extractor = build(record, record.input_sizes[0], torch.device("cpu"))
    y, test_y = torch.from_numpy(split.train_y), torch.from_numpy(split.test_y)
    accuracy, margin = (knn_accuracy, 0.05) if record.name == OF_FEW else (linear_probe, 0.02)

    def probe(train: torch.Tensor, test: torch.Tensor) -> float:
        return accuracy(train, y, test, test_y, len(data.classes))

    features = (torch.from_numpy(extract(extractor, x, torch.device("cpu"))) for x in (split.train_x, split.test_x))
    pixels = (torch.from_numpy(x).flatten(1).float() / 255 for x in (split.train_x, split.test_x))
    assert probe(*features) > probe(*pixels) + margin
