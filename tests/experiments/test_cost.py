import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from core.experiments import cost
from core.experiments.summary import RunSummary
from core.extractors.registry import EXTRACTORS
from core.spec.events import STAGES
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.errors import SpecError
from tests.fakes import tiny_result, tiny_spec


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("POISON_LAB_HOME", str(tmp_path))
    return tmp_path


def summary(spec: ExperimentSpec, seconds: dict[str, float], device: str = "cpu") -> RunSummary:
    return replace(tiny_result(tiny_spec(), device=device).summary(), spec=spec, seconds=seconds)


@pytest.mark.parametrize(
    ("attack", "without"),
    [
        ("label-flip", {"target", "stage2", "decoder", "invert", "exchange", "pixels"}),
        ("gc-feature", {"decoder", "invert", "exchange", "pixels"}),
        ("tgda-feature", {"target", "decoder", "invert", "exchange", "pixels"}),
        ("ft-matching", {"target", "decoder", "exchange"}),
        ({"name": "ft-matching", "stage2": "gc"}, {"decoder", "exchange"}),
        ({"name": "ft-decoder", "stage2": "gc", "finish_steps": 1}, {"exchange"}),
        ("fw-input", {"target", "stage2", "decoder", "invert"}),
        ({"name": "fw-input", "joint_steps": 0}, {"target", "stage2", "decoder", "invert", "pixels"}),
    ],
)
def test_a_run_is_charged_for_the_stages_it_has(attack: object, without: set[str]) -> None:
    stages = cost.estimate(parse_spec({"attack": attack}))
    assert stages.keys() == STAGES.keys() - without
    assert all(seconds > 0 for seconds in stages.values())


@pytest.mark.parametrize("device", ["cpu", "cuda", "cuda:1", "mps"])
def test_every_device_has_rates(device: str) -> None:
    assert cost.total(ExperimentSpec(), device) == sum(cost.estimate(ExperimentSpec(), device).values())


def test_work_scales_as_its_formula_says() -> None:
    base = cost.estimate(parse_spec({"input_size": 64}))
    wide = cost.estimate(parse_spec({"input_size": 128}))
    assert wide["extract"] == pytest.approx(4 * base["extract"])
    assert wide["invert"] == pytest.approx(4 * base["invert"])
    assert wide["stage2"] == base["stage2"]
    longer = cost.estimate(parse_spec({"input_size": 64, "attack": {"name": "ft-matching", "steps": 80}}))
    assert longer["stage2"] == pytest.approx(2 * base["stage2"])
    shorter = cost.estimate(parse_spec({"attack": {"name": "fw-input", "rounds": 5, "cycles": 6}}))
    default = cost.estimate(parse_spec({"attack": "fw-input"}))
    assert default["exchange"] == pytest.approx(3 * shorter["exchange"])
    assert shorter["pixels"] == pytest.approx(3 * default["pixels"])
    more = cost.estimate(parse_spec({"input_size": 64, "train_size": 4000, "test_size": 2000}))
    for stage in ("extract", "clean", "stage2", "invert", "map"):
        assert more[stage] == pytest.approx(2 * base[stage]), stage


def test_default_input_size_is_the_extractors() -> None:
    assert cost.extractor_macs("efficientnet-lite0-imagenet", None) == pytest.approx(0.385e9 * (64 / 224) ** 2)
    assert cost.extractor_macs("vit-b16-imagenet", None) == pytest.approx(17.56e9)


def test_unknown_extractor_is_said() -> None:
    with pytest.raises(SpecError, match="extractor"):
        cost.estimate(ExperimentSpec(extractor="nope"))


def learnt(*seconds: float) -> float:
    """The seconds of a stage that is expected after runs that took so long."""
    for value in seconds:
        cost.record(summary(ExperimentSpec(), {"map": value}))
    return cost.estimate(ExperimentSpec())["map"]


def test_the_first_run_replaces_the_default() -> None:
    assert learnt(8.0) == pytest.approx(8.0)


def test_a_cold_start_and_a_busy_minute_do_not_count_for_long() -> None:
    assert learnt(30.0, 4.0) == pytest.approx(4.0)
    assert learnt(5.0, 60.0, 4.5) == pytest.approx(5.0)


def test_a_machine_that_has_become_slower_is_learnt() -> None:
    assert learnt(1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 3.0) == pytest.approx(3.0)


def test_features_that_have_been_extracted_are_read() -> None:
    """As those of a class that tries many attacks on the same images."""
    spec = parse_spec({"extractor": "vit-b16-imagenet"})
    slow = cost.estimate(spec)["extract"]
    assert slow > 100
    cost.record(summary(spec, {"extract": slow}))
    again = cost.estimate(parse_spec({"extractor": "vit-b16-imagenet", "attack": "label-flip", "budget": 0.2}))
    assert again["extract"] == pytest.approx(0.2)
    for other in ({"seed": 1}, {"train_size": 1999}, {"test_size": 999}, {"input_size": 32}, {"data": "mnist"}):
        assert cost.estimate(parse_spec({"extractor": "vit-b16-imagenet", **other}))["extract"] > 10, other


def test_rates_are_kept_apart_by_device_extractor_and_stage_two() -> None:
    spec, other = ExperimentSpec(), ExperimentSpec(extractor="resnet18-imagenet")
    gc = parse_spec({"attack": {"name": "ft-matching", "stage2": "gc"}})
    before = cost.estimate(other), cost.estimate(gc), cost.estimate(spec, "cuda")
    cost.record(summary(spec, {"extract": 500.0, "stage2": 500.0}))
    assert cost.estimate(other)["extract"] == before[0]["extract"]
    assert cost.estimate(gc)["stage2"] == before[1]["stage2"]
    assert cost.estimate(spec, "cuda") == before[2]
    assert cost.estimate(gc.model_copy(update={"seed": 1}))["extract"] == pytest.approx(500.0)


def test_auto_is_the_device_of_the_latest_run() -> None:
    spec = ExperimentSpec()
    assert cost.estimate(spec) == cost.estimate(spec, "cpu")
    cost.record(summary(spec, {"extract": 0.5}, device="cuda:0"))
    assert cost.estimate(spec) == cost.estimate(spec, "cuda")
    assert cost.estimate(ExperimentSpec(seed=1))["extract"] == pytest.approx(0.5)


def test_cached_stages_and_idle_ones_teach_nothing() -> None:
    spec = ExperimentSpec()
    before = cost.estimate(ExperimentSpec(seed=1))
    cost.record(summary(spec, {"extract_cached": 0.01, "map": 0.0, "target": 9.0, "other": 9.0}))
    assert cost.estimate(ExperimentSpec(seed=1)) == before


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"device": "cpu"}',
        '{"device": "cpu", "rates": []}',
        '{"device": 1, "rates": {"a": "b"}}',
    ],
)
def test_a_broken_file_is_the_defaults(house: Path, content: str, caplog: pytest.LogCaptureFixture) -> None:
    defaults = cost.estimate(ExperimentSpec())
    (house / "rates.json").write_text(content)
    assert cost.estimate(ExperimentSpec()) == defaults
    assert "rates.json" in caplog.text
    cost.record(summary(ExperimentSpec(), {"extract": 8.0}))
    assert cost.estimate(ExperimentSpec(seed=1))["extract"] == pytest.approx(8.0)


def test_rates_of_earlier_versions_are_read(house: Path) -> None:
    (house / "rates.json").write_text('{"device": "cpu", "rates": {"cpu/map/": 0.01}}')
    assert cost.estimate(ExperimentSpec())["map"] == pytest.approx(20.0)
    assert learnt(10.0) == pytest.approx(10.0)


@pytest.mark.parametrize("rate", ["-1", "0", "NaN", "Infinity"])
def test_senseless_rates_are_left_out(house: Path, rate: str) -> None:
    defaults = cost.estimate(ExperimentSpec())
    key = "cpu/extract/resnet10-small"
    (house / "rates.json").write_text(f'{{"device": "cpu", "rates": {{"{key}": {rate}}}}}')
    assert cost.estimate(ExperimentSpec()) == defaults


def test_what_can_not_be_learnt_or_written_is_logged(house: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        cost.record(summary(ExperimentSpec(extractor="nope"), {}))
        (house / "rates.json").mkdir()
        cost.record(summary(ExperimentSpec(), {"extract": 1.0}))
    assert "can't be updated" in caplog.text
    assert "can't be written" in caplog.text


def test_rates_file_is_plain_json(house: Path) -> None:
    cost.record(summary(ExperimentSpec(), {"map": 20.0}))
    stored = json.loads((house / "rates.json").read_text())
    assert stored.pop("extracted") == [cost._features_key(ExperimentSpec())]
    assert stored == {
        "device": "cpu",
        "rates": {"cpu/map/": pytest.approx(0.01)},  # which earlier versions read
        "recent": {"cpu/map/": [pytest.approx(0.01)]},
    }
    assert [path.name for path in house.iterdir()] == ["rates.json"]


def test_architectures_that_were_measured_have_rates_of_their_own_from_the_start() -> None:
    per_mac = [cost.images_per_second(name)[0] * cost.extractor_macs(name, None) for name in EXTRACTORS]
    slow = [rate for name, rate in zip(EXTRACTORS, per_mac, strict=True) if "lite0" in name]
    others = [rate for name, rate in zip(EXTRACTORS, per_mac, strict=True) if "lite0" not in name]
    assert max(slow) < min(others)
