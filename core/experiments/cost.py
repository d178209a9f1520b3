"""Estimates of a run's duration before it starts; `core.experiments.progress` corrects them while it runs.

The work of each stage is counted in units (`_units`); a rate is the seconds per unit on this machine. Each finished
run updates the rates (`record`), so that estimates improve with every run. It also notes which clean features have
been extracted, which later runs read from the cache.
"""

import hashlib
import json
import logging
import math
import statistics
import threading
from dataclasses import dataclass, field
from pathlib import Path

from core.attacks.record import Workload
from core.attacks.registry import record_of
from core.catalog.lookup import data_info, extractor_info
from core.experiments.summary import RunSummary
from core.spec.events import SNAPSHOTS
from core.spec.experiment import ExperimentSpec
from core.spec.registry import check_loaded
from core.system import finite_json
from core.system.errors import SpecError
from core.system.files import write_text
from core.system.paths import home

log = logging.getLogger(__name__)

# Seconds per unit until this machine has measured its own. Measured on two cores with the default experiment, and with
# EfficientNet-Lite0, whose depthwise convolutions are slower than their multiply-adds suggest. The CUDA rates are
# guesses that the first run replaces.
_DEFAULTS: dict[str, dict[str, float]] = {
    "cpu": {
        "load": 0.5,
        "extract": 2.3e-11,
        "extract/tf_efficientnet_lite0": 8e-11,
        "clean": 2e-8,
        "target": 2e-8,
        "stage2": 1e-9,
        "stage2/tgda": 1.3e-8,
        "stage2/near": 3e-8,
        "decoder": 2e-6,
        "invert": 1.9e-11,
        "invert/tf_efficientnet_lite0": 5e-11,
        "exchange": 3.5e-11,
        "exchange/tf_efficientnet_lite0": 1.4e-10,
        "pixels": 3.5e-11,
        "pixels/tf_efficientnet_lite0": 1.4e-10,
        "evaluate": 6e-8,
        "walk": 6e-9,
        "map": 1.5e-3,
    },
    "cuda": {
        "load": 3.0,
        "extract": 2e-12,
        "clean": 1e-8,
        "target": 1e-8,
        "stage2": 1e-10,
        "stage2/tgda": 1e-9,
        "stage2/near": 2e-9,
        "decoder": 5e-8,
        "invert": 2e-12,
        "exchange": 2e-12,
        "pixels": 2e-12,
        "evaluate": 1e-8,
        "walk": 2e-9,
        "map": 1.5e-3,
    },
}
_RECENT = 5
"""Measurements of which a rate is the median: one of a cold start, or of a busy minute, does not count for long."""
_EXTRACTED = 500
"""Number of sets of clean features that are remembered as extracted."""
_READ_SECONDS = 0.2
"""Seconds that reading features from the cache takes at most."""
_FEATURE_FIELDS = frozenset(
    {"data", "train_domain", "test_domain", "extractor", "input_size", "side", "train_size", "test_size", "seed"}
)
"""The fields of a spec that its clean features depend on."""
_PASSES = 3
"""Cost of a forward and a backward pass through the extractor, in forward passes."""

_lock = threading.Lock()


def estimate(spec: ExperimentSpec, device: str = "auto") -> dict[str, float]:
    """Seconds that each stage of a run is expected to take; only stages that the run has.

    Args:
        spec: any spec; its extractor and data set must be known.
        device: "cpu", "cuda" or "cuda:0"; "auto" is the device of this machine's latest run.

    Raises:
        SpecError: unknown extractor or data set, or a plug-in that is not loaded.
    """
    rates = _load()
    kind = _kind(rates.device if device == "auto" else device)
    seconds = {stage: units * _rate(rates, spec, stage, kind) for stage, units in _units(spec).items()}
    if _features_key(spec) in rates.extracted:  # unless they have been deleted since
        seconds["extract"] = min(seconds["extract"], _READ_SECONDS)
    if spec.attacker_data == "other" or spec.attacker_extractor is not None:
        seconds["extract"] += _extraction(rates, kind, *_attackers_extractor(spec), spec.train_size)
    return seconds


def extraction(spec: ExperimentSpec, images: int, device: str = "auto") -> float:
    """Seconds that the features of so many further images are expected to take by the extractor of an experiment.

    Args:
        spec: the experiment.
        images: their number.
        device: see `estimate`.
    """
    rates = _load()
    return _extraction(
        rates, _kind(rates.device if device == "auto" else device), spec.extractor, spec.input_size, images
    )


def _extraction(rates: "_Rates", kind: str, name: str, size: int | None, images: int) -> float:
    variant = extractor_info(name).arch
    rate = rates.rate(f"{kind}/extract/{variant}", _default(kind, "extract", variant))
    return images * extractor_macs(name, size) * rate


def total(spec: ExperimentSpec, device: str = "auto") -> float:
    """Seconds that a whole run is expected to take; see `estimate`."""
    return sum(estimate(spec, device).values())


def record(summary: RunSummary) -> None:
    """Update the rates from a finished run.

    Seconds under a name that is not a stage's, such as `extract_cached`, are ignored. Never raises: a failure is
    logged.
    """
    spec = summary.spec
    try:
        units = _units(spec)
    except SpecError as error:
        log.warning("The rates can't be updated from a run: %s", error)
        return
    kind = _kind(summary.device)
    with _lock:
        rates = _load()
        rates.device = kind
        for stage, seconds in summary.seconds.items():
            if units.get(stage, 0) > 0 and seconds > 0:
                rates.add(_key(spec, stage, kind), seconds / units[stage])
        rates.add_extracted(_features_key(spec))
        try:
            _save(rates)
        except OSError as error:
            log.warning("The rates can't be written to %s: %s", _path(), error)


def extractor_macs(name: str, input_size: int | None) -> float:
    """Multiply-adds of one forward pass of an extractor; None is its default input size."""
    record = extractor_info(name)
    return record.macs_at(input_size or record.input_sizes[0])


def images_per_second(name: str) -> tuple[float, bool]:
    """Throughput of an extractor at its default input size, on the device of the latest run.

    Returns:
        Images per second, and whether that was measured on this machine; else it is estimated from the multiply-adds.
    """
    rates, macs = _load(), extractor_macs(name, None)
    kind = _kind(rates.device)
    variant = extractor_info(name).arch
    key = f"{kind}/extract/{variant}"
    return 1 / (macs * rates.rate(key, _default(kind, "extract", variant))), key in rates.recent


def _units(spec: ExperimentSpec) -> dict[str, float]:
    """Units of work of each stage of the run; see the module's docstring.

    Raises:
        SpecError: the spec names something that is not available.
    """
    for name, digest in spec.plugins:
        check_loaded(name, digest)
    n, m = spec.train_size, spec.n_poison
    macs = extractor_macs(spec.extractor, spec.input_size)
    attackers = extractor_macs(*_attackers_extractor(spec))
    record, data = extractor_info(spec.extractor), data_info(spec.data)
    width = data.width or record.width_at(spec.input_size or record.input_sizes[0])
    head = float(width * len(data.classes))
    load = Workload(
        n_train=n,
        n_poison=m,
        extraction=attackers,
        image_step=m * attackers * _PASSES,
        head_step=(n + m) * head,
        clean_head_step=n * head,
        label_rule=spec.label_rule,
    )
    stages = record_of(spec.attack.name).stages_of(spec.attack)
    units = {"load": 1.0, "extract": (n + spec.test_size) * macs, "clean": n * head}
    units |= {stage.name: stage.work(spec.attack, load) for stage in stages}
    n_evaluated = 1 + SNAPSHOTS * sum(stage in units for stage in ("stage2", "invert", "exchange", "pixels"))
    return {**units, "evaluate": (n + m) * head, "walk": n_evaluated * (n + m) * head, "map": float(n)}


def _variant(spec: ExperimentSpec, name: str) -> str:
    """What the rate of a stage depends on besides the device."""
    if name == "extract":
        return extractor_info(spec.extractor).arch
    stages = {stage.name: stage for stage in record_of(spec.attack.name).stages_of(spec.attack)}
    if name not in stages:
        return ""
    stage = stages[name]
    return extractor_info(_attackers_extractor(spec)[0]).arch if stage.by_extractor else stage.variant(spec.attack)


def _attackers_extractor(spec: ExperimentSpec) -> tuple[str, int | None]:
    """The extractor that the attack works on, and its input size."""
    return (spec.extractor, spec.input_size) if spec.attacker_extractor is None else (spec.attacker_extractor, None)


def _key(spec: ExperimentSpec, stage: str, kind: str) -> str:
    return f"{kind}/{stage}/{_variant(spec, stage)}"


def _features_key(spec: ExperimentSpec) -> str:
    """Identifies the clean features of a run by all that they depend on."""
    values = spec.model_dump(mode="json", include=set(_FEATURE_FIELDS))
    return hashlib.sha256(finite_json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _rate(rates: "_Rates", spec: ExperimentSpec, stage: str, kind: str) -> float:
    return rates.rate(_key(spec, stage, kind), _default(kind, stage, _variant(spec, stage)))


def _default(kind: str, stage: str, variant: str) -> float:
    """The rate before this machine has measured its own."""
    return _DEFAULTS[kind].get(f"{stage}/{variant}", _DEFAULTS[kind][stage])


def _kind(device: str) -> str:
    return "cuda" if device.startswith("cuda") else "cpu"


def _path() -> Path:
    return home() / "rates.json"


@dataclass
class _Rates:
    """What finished runs on this machine have taught.

    Attributes:
        device: kind of device of the latest run.
        recent: by key, the latest measurements of a rate, oldest first.
        extracted: keys of clean features that have been extracted, oldest first.
    """

    device: str = "cpu"
    recent: dict[str, list[float]] = field(default_factory=dict)
    extracted: list[str] = field(default_factory=list)

    def rate(self, key: str, default: float) -> float:
        """The seconds per unit of work; of an even number of measurements, the lower of the middle ones counts."""
        return statistics.median_low(self.recent[key]) if key in self.recent else default

    def add(self, key: str, rate: float) -> None:
        """Add a measurement of a rate."""
        self.recent[key] = [*self.recent.get(key, []), rate][-_RECENT:]

    def add_extracted(self, key: str) -> None:
        """Note that features have been extracted."""
        self.extracted = [*(other for other in self.extracted if other != key), key][-_EXTRACTED:]


def _load() -> _Rates:
    """Read the rates file; an unusable file counts as none, and unusable entries are dropped."""
    try:
        stored = json.loads(_path().read_bytes())
        # Earlier versions kept one average of each rate, and still read it.
        recent = {key: [float(rate)] for key, rate in stored["rates"].items()}
        recent |= {key: [float(rate) for rate in rates] for key, rates in stored.get("recent", {}).items()}
        device = _kind(str(stored["device"]))
        extracted = [str(key) for key in stored.get("extracted", [])]
    except FileNotFoundError:
        return _Rates()
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        log.warning("%s can't be used (%s); starting from the defaults", _path(), error)
        return _Rates()
    possible = {key: [rate for rate in rates if 0 < rate < math.inf] for key, rates in recent.items()}
    return _Rates(device, {key: rates for key, rates in possible.items() if rates}, extracted)


def _save(rates: _Rates) -> None:
    averages = {key: rates.rate(key, 0.0) for key in rates.recent}
    content = {"device": rates.device, "rates": averages, "recent": rates.recent, "extracted": rates.extracted}
    write_text(_path(), finite_json.dumps(content, indent=1, sort_keys=True))
