"""What the strongest attacks on images cost on 10,000 test images, refitted by scikit-learn on the exported images.

.venv/bin/python -m benchmarks.strength [CASE...]    # takes up what is not measured yet
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from benchmarks import report
from core.catalog.choices import resolve
from core.catalog.lookup import data_info, extractor_info
from core.data.split import draw
from core.experiments.result import to_uint8
from core.experiments.run import run
from core.extractors.build import build
from core.extractors.features import Scale, extract
from core.spec.defaults import CURRENT
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system import finite_json
from core.system.tables import markdown_table

SEEDS = range(5)
COMMON: dict[str, Any] = {"defaults": CURRENT, "test_size": 10_000}
LONG = 22
"""Cycles of the joint ascent that give Frank-Wolfe the work of the portfolio: it has 3 exchanges, 3 matchings and 16
cycles in all, and an exchange is the work of two and a half cycles."""
LEVERAGE = {"name": "fw-input", "outer": "leverage"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "fw-input": ("`fw-input`, 3 %", {}),
    "transfer": ("`fw-input`, 3 %, transfer: `resnet10-small-mnist`", {"extractor": "resnet10-small-mnist"}),
    "perturbation": ("`fw-input`, 3 %, `perturbation` at 8/255", {"constraint": "perturbation"}),
    "ft-matching": ("`ft-matching`, 3 %, rule `adversarial`", {"attack": "ft-matching", "label_rule": "adversarial"}),
    "leverage": ("`fw-input`, 3 %, `outer=leverage`", {"attack": LEVERAGE}),
    "leverage-transfer": (
        "`fw-input`, 3 %, `outer=leverage`, transfer: `resnet10-small-mnist`",
        {"attack": LEVERAGE, "extractor": "resnet10-small-mnist"},
    ),
    "leverage-ten": ("`fw-input`, 10 %, `outer=leverage`", {"attack": LEVERAGE, "budget": 0.1}),
    "leverage-perturbation": (
        "`fw-input`, 3 %, `outer=leverage`, `perturbation` at 8/255",
        {"attack": LEVERAGE, "constraint": "perturbation"},
    ),
    "ten": ("`fw-input`, 10 %", {"budget": 0.1}),
    "best-input": ("`best-input`, 3 %, rule `chosen`", {"attack": "best-input", "label_rule": "chosen"}),
    "best-leverage": (
        "`best-input`, 3 %, rule `chosen`, `outer=leverage`",
        {"attack": {"name": "best-input", "outer": "leverage"}, "label_rule": "chosen"},
    ),
    "long": (
        f"`fw-input`, 3 %, {LONG} cycles: as much work as `best-input`",
        {"attack": {"name": "fw-input", "cycles": LONG}},
    ),
}
"""What is measured: title and settings, beside the default experiment with 10,000 test images."""


def spec_of(case: str, seed: int) -> ExperimentSpec:
    """The experiment of a case."""
    return resolve(parse_spec({**COMMON, **CASES[case][1], "seed": seed}))


def measure(spec: ExperimentSpec) -> dict[str, float]:
    """Run an experiment, and refit both heads by scikit-learn on features of the images as they are exported.

    Returns:
        The drop of test accuracy in points by the lab's heads and by scikit-learn's, the clean accuracy in percent, and
        processor seconds of the run.
    """
    start = time.process_time()
    result = run(spec, device="cpu", with_map=False)
    seconds = time.process_time() - start
    split = draw(data_info(spec.data), train_size=spec.train_size, test_size=spec.test_size, seed=spec.seed)
    cpu = torch.device("cpu")
    assert spec.input_size is not None
    assert result.poison.x is not None
    network = build(extractor_info(spec.extractor), spec.input_size, cpu)
    train, test, poison = (
        torch.from_numpy(extract(network, images, cpu))
        for images in (split.train_x, split.test_x, to_uint8(result.poison.x))
    )
    scale = Scale.fit(train)
    z, test_z, poison_z = (scale(raw).double().numpy() for raw in (train, test, poison))
    clean = _accuracy(z, split.train_y, test_z, split.test_y, spec.ridge)
    both = np.concatenate([z, poison_z]), np.concatenate([split.train_y, result.poison.y])
    poisoned = _accuracy(*both, test_z, split.test_y, spec.ridge)
    return {
        "drop": 100 * (result.clean.accuracy - result.poisoned.accuracy),
        "refitted": 100 * (clean - poisoned),
        "clean": 100 * clean,
        "seconds": seconds,
    }


def _accuracy(z: np.ndarray, y: np.ndarray, test_z: np.ndarray, test_y: np.ndarray, ridge: float) -> float:
    head = LogisticRegression(C=1 / (len(y) * ridge), tol=1e-8, max_iter=10_000, solver="newton-cg").fit(z, y)
    return float(head.score(test_z, test_y))


def main(cases: Sequence[str]) -> None:
    """Measure what is missing of some cases, and write it down after each run."""
    path = report.FOLDER / "strength.json"
    values: dict[str, dict[str, dict[str, float]]] = json.loads(path.read_text())["values"] if path.exists() else {}
    for seed in SEEDS:
        for case in cases:
            if str(seed) not in values.setdefault(case, {}):
                values[case][str(seed)] = measure(spec_of(case, seed))
                print(case, seed, values[case][str(seed)], flush=True)
                write(values)


def write(values: dict[str, dict[str, dict[str, float]]]) -> None:
    """Write the table of benchmarks/README.md, and the numbers beside it."""
    rows = []
    for case, (title, _) in CASES.items():
        found = values.get(case, {})
        drops = [found[str(seed)]["refitted"] for seed in SEEDS if str(seed) in found]
        if drops:
            mean = f"{statistics.mean(drops):.2f}"
            deviation = f"{statistics.stdev(drops):.2f}" if len(drops) > 1 else ""
            seconds = f"{statistics.median(one['seconds'] for one in found.values()):.0f}"
            rows.append([title, " / ".join(f"{drop:.1f}" for drop in drops), mean, deviation, seconds])
        else:
            rows.append([title, "not measured", "", "", ""])
    header = ["Attack", "Points lost, seeds 0, 1, …", "Mean", "Deviation", "Processor s"]
    machine = report.machine()
    text = f"{markdown_table(header, rows)}\n\nOn {machine}; a run on {torch.get_num_threads()} thread."
    report.write("strength", text, {"machine": machine, "values": json.loads(finite_json.dumps(values))})


if __name__ == "__main__":
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    main(sys.argv[1:] or list(CASES))
