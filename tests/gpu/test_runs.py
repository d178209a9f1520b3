"""A GPU computes what the CPU does, as far as a search that follows rounded gradients can."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.catalog.lookup import extractor_info
from core.data.readers import read
from core.data.registry import DATA
from core.experiments.run import run
from core.extractors.build import build
from core.extractors.features import Scale, extract
from core.spec.experiment import ExperimentSpec, parse_spec

CLEAN, ATTACKED = 0.005, 0.02
"""Largest difference of accuracies: before an attack, of the same head; after it, of two searches that drift apart."""
FEW = {
    "fw-input": {"rounds": 1, "atoms": 3, "inner_steps": 3, "joint_steps": 3, "cycles": 1},
    "ft-matching": {"steps": 5, "match_steps": 3, "finish_steps": 2},
}
"""Attacks in few steps: today's default, and the paper's."""
CPU = torch.device("cpu")


def spec_for(attack: str, device: torch.device) -> ExperimentSpec:
    """At the default's size; on the CPU, which would be compared with itself, a small one."""
    if device.type == "cuda":
        return parse_spec({"attack": attack})
    return parse_spec({"attack": {"name": attack, **FEW[attack]}, "train_size": 60, "test_size": 100, "budget": 0.1})


@pytest.mark.parametrize("attack", FEW)
def test_a_default_run_has_the_accuracies_of_the_cpu(
    attack: str, device: torch.device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    spec = spec_for(attack, device)
    expected, result = (run(spec, device=place, with_map=False) for place in ("cpu", device.type))
    assert (result.device == "cpu") == (device.type == "cpu")
    assert result.clean.accuracy == pytest.approx(expected.clean.accuracy, abs=CLEAN)
    assert result.poisoned.accuracy == pytest.approx(expected.poisoned.accuracy, abs=ATTACKED)
    assert (expected.stage2 is None) == (result.stage2 is None) == (attack == "fw-input")
    if expected.stage2 is not None and result.stage2 is not None:
        assert result.stage2.accuracy == pytest.approx(expected.stage2.accuracy, abs=ATTACKED)
    assert np.array_equal(result.poison.y, expected.poison.y)


def test_features_are_those_of_the_cpu(device: torch.device) -> None:
    record = extractor_info("resnet10-small-fashion-mnist")
    x, _ = read(DATA["fashion-mnist"], "test")
    raw = [torch.from_numpy(extract(build(record, 28, place), x[:60], place)) for place in (CPU, device)]
    scale = Scale.fit(raw[0])
    expected, there = (scale(one) for one in raw)
    # cuDNN rounds the factors of convolutions to 10 bits (TF32).
    error = (there - expected).norm(dim=1) / expected.norm(dim=1)
    assert float(error.max()) < 0.02
