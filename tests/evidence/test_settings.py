"""Fine-tuning against transfer: the grid, the pairing of seeds, and what is written."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.catalog import choices
from core.evidence import settings
from core.extractors.registry import EXTRACTORS
from core.system.files import write_text
from tests.fakes import tiny_spec

LITE0 = EXTRACTORS["efficientnet-lite0-imagenet"]


@pytest.fixture(autouse=True)
def two_extractors(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has seen MNIST beside one that has seen something else."""
    monkeypatch.setitem(
        EXTRACTORS, "of-mnist", replace(LITE0, name="of-mnist", title="Of MNIST", pretrained_on="mnist")
    )


def measured(extractor: str, seed: int, clean: float, poisoned: float, stage2: float | None = None) -> dict[str, Any]:
    (spec,) = settings.specs(["mnist"], [extractor], [seed], {"train_size": 40, "test_size": 20})
    return {
        "spec": spec.model_dump(mode="json"),
        "device": "cpu",
        "clean": {"accuracy": clean},
        "stage2": stage2 and {"accuracy": stage2},
        "poisoned": {"accuracy": poisoned},
    }


RUNS = [
    measured_values
    for seed, shift in ((0, 0.0), (1, 0.01), (2, 0.02))
    for measured_values in (("of-mnist", seed, 0.9, 0.88 - shift, 0.5), (LITE0.name, seed, 0.8, 0.74 - shift, 0.6))
]


def test_a_setting_is_what_extractor_and_data_are_to_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def of(**values: Any) -> str:
        spec = choices.resolve(tiny_spec(**values))
        return choices.setting(spec.data, spec.extractor, spec.train_domain, spec.test_domain)

    small = {"train_size": 20, "test_size": 20}
    assert of(data="mnist", extractor="of-mnist") == "fine-tuning"
    assert of(data="fashion-mnist", extractor="of-mnist") == "transfer"
    assert of(data="mnist", extractor="efficientnet-lite0-random") == "random"
    assert of(data="emoji", **small) == "transfer"
    assert of(data="emoji", test_domain="twitter", **small) == "domain-adaptation"
    drawn = replace(LITE0, name="drawn", pretrained_on="emoji", domain="google")
    monkeypatch.setitem(EXTRACTORS, "drawn", drawn)
    assert of(data="emoji", extractor="drawn", **small) == "fine-tuning"
    assert of(data="emoji", extractor="drawn", train_domain="twitter", **small) == "domain-adaptation"
    monkeypatch.setitem(EXTRACTORS, "brought", replace(LITE0, name="brought", pretrained_on="unknown"))
    assert of(extractor="brought") == "unknown"


def test_gaps_are_paired_by_seed() -> None:
    rows = settings.rows(measured(*run) for run in RUNS)
    assert [(row.extractor, row.setting) for row in rows] == [("of-mnist", "fine-tuning"), (LITE0.name, "transfer")]
    assert rows[0].drops == pytest.approx([2, 3, 4])
    assert rows[1].stage2_drops == pytest.approx([20, 20, 20])
    (gap,) = settings.gaps(rows)
    assert gap.points == pytest.approx([4, 4, 4])
    assert gap.error == pytest.approx(0)
    text = settings.page(rows, measured(*RUNS[0]))
    assert "| `mnist` | `of-mnist` | fine-tuning | 90.0 ± 0.0 | 3.0 ± 1.0 | 40.0 ± 0.0 |" in text
    assert "+4.0 ± 0.0 points, as the paper says" in text


@pytest.mark.parametrize(
    ("points", "word"),
    [
        ([5.0, 6.0, 7.0], "as the paper says"),
        ([-5.0, -6.0, -7.0], "against the paper"),
        ([9.0, -6.0, 1.0], "too close to tell"),
        ([5.0], "too close to tell"),
    ],
)
def test_a_verdict_needs_more_than_the_noise(points: list[float], word: str) -> None:
    assert word in settings.verdict(settings.Gap("mnist", "x", points))


def test_every_bar_of_the_plot_is_there() -> None:
    rows = settings.rows(measured(*run) for run in RUNS)
    bars = settings.figure(rows).data
    assert [bar.name for bar in bars] == ["fine-tuning", "transfer"]
    assert [list(bar.x) for bar in bars] == [pytest.approx([3]), pytest.approx([7])]
    assert bars[0].error_x.array == pytest.approx([1])


def test_what_was_measured_is_not_run_again(tmp_path: Path) -> None:
    todo = settings.specs(["mnist"], ["of-mnist", LITE0.name], [0, 1, 2], {"train_size": 40, "test_size": 20})
    known = {spec.hash: measured(*run) for spec, run in zip(todo, RUNS, strict=True)}
    write_text(tmp_path / "settings.json", json.dumps(known))
    settings.compare(todo, tmp_path, report=lambda line: pytest.fail(f"run again: {line}"))
    assert "fine-tuning" in (tmp_path / "settings.md").read_text()
    assert "<html>" in (tmp_path / "settings.html").read_text()
