"""`fw-input` and `best-input` beside the poisoning attacks of secml and ART: same images, budget, head and time.

    .venv/bin/python -m benchmarks.peer.images PEER/bin/python ART    # takes up what is not measured yet

PEER and ART: see benchmarks/peer/secml.txt and benchmarks/peer/art.txt. Every attack adds as many 8-bit images to the
same training images, and scikit-learn's head on the extractor's features judges all of them on test images that none
has seen. `best-input` sets the time: attacks of the peers that would need longer end when it is used up.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import report
from benchmarks.peer.image_task import RIDGE, Array, ImageTask
from core.attacks.algorithms.base import Scene
from core.attacks.execution import execute
from core.heads import logistic
from core.spec.defaults import CURRENT
from core.spec.events import silent
from core.spec.experiment import parse_spec
from core.system import finite_json
from core.system.tables import markdown_table, mean_and_deviation

BUDGET, SEEDS = 0.03, range(5)
OURS = {"best-input": "chosen", "fw-input": "clean"}
"""Attacks of ours and their label rules; the first sets the time."""
TITLES = {
    "best-input": ("`best-input`", "chosen"),
    "fw-input": ("`fw-input`", "own"),
    "secml": ("secml, logistic regression on pixels", "wrong"),
    "svm": ("ART, support vector machine on pixels", "wrong"),
    "collision": ("ART, feature collision (targeted)", "own"),
    "matching": ("ART, gradient matching (targeted)", "own"),
}
"""Of a row: the attack, and the labels of its images."""
Row = dict[str, Any]


def ours(name: str, task: ImageTask, budget: float, seed: int) -> tuple[float, Array, Array]:
    """An attack of ours.

    Args:
        name: of the attack.
        task: the data.
        budget: ε.
        seed: of the attack.

    Returns:
        Processor seconds, the clean head included; images (m, 1, 28, 28) uint8; labels (m,).
    """
    values = {"defaults": CURRENT, "attack": name, "label_rule": OURS[name], "budget": budget, "seed": seed}
    spec = parse_spec({**values, "train_size": len(task.y), "ridge": RIDGE})
    start = time.process_time()
    z, y = torch.from_numpy(task.features(task.x)).float(), torch.from_numpy(task.y)
    clean = logistic.fit(z, y, 2, RIDGE)
    images = torch.from_numpy(task.x).float() / 255
    attacked = execute(spec, Scene(images, z, y, 2, RIDGE, clean, task.pipeline, f"peer {seed}"), silent)
    seconds = time.process_time() - start
    assert attacked.x is not None
    return seconds, eight_bit(attacked.x.numpy()), attacked.y.numpy()


def theirs(command: list[str], task: ImageTask, values: Row, art: Path | None) -> tuple[float, Array, Array]:
    """An attack of a peer; arguments: its command, the data, further values for it, and the folder of ART."""
    with tempfile.TemporaryDirectory() as folder:
        task_file, poison_file = Path(folder) / "task.npz", Path(folder) / "poison.npz"
        data = {"x": task.x, "y": task.y, "target": task.target, "target_y": task.target_y}
        np.savez(task_file, **data, **values)
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        if art is not None:
            environment["PYTHONPATH"] = str(art)
        subprocess.run(
            [*command, str(task_file), str(poison_file)], check=True, stdout=subprocess.DEVNULL, env=environment
        )
        with np.load(poison_file, allow_pickle=False) as file:
            made = file["x"].reshape(-1, *task.x.shape[1:])
            return float(file["seconds"]), eight_bit(made), file["y"].astype(np.int64)


def eight_bit(x: Array) -> Array:
    """Images in [0, 1] as uint8."""
    return (255 * x.clip(0, 1)).round().astype(np.uint8)


def measured(name: str, task: ImageTask, poison: tuple[float, Array, Array]) -> Row:
    """The row of an attack on a seed."""
    seconds, x, y = poison
    clean, poisoned = task.judged(), task.judged(x, y)
    hit = poisoned.target_hit if name in ("collision", "matching") else None
    return {
        "clean": clean.accuracy,
        "drop": clean.accuracy - poisoned.accuracy,
        "images": len(y),
        "seconds": seconds,
        "target_hit": hit,
        "target_missed_before": clean.target_hit,
    }


def measure(task: ImageTask, seed: int, known: dict[str, Row], peer: str, art: Path) -> Iterator[str]:
    """Measure what is missing of a seed, into `known`; yields the name of each attack once it is there.

    Args:
        task: the data.
        seed: of the attacks.
        known: rows by the name of the attack.
        peer, art: see `main`.
    """
    m = round(BUDGET * len(task.y))
    for name in (name for name in OURS if name not in known):
        known[name] = measured(name, task, ours(name, task, BUDGET, seed))
        yield name
    c = 1 / ((len(task.y) + m) * RIDGE)
    values = {"m": m, "c": c, "seed": seed, "seconds": known[next(iter(OURS))]["seconds"]}
    secml = [peer, str(Path(__file__).resolve().parent / "secml_images.py")]
    for name in (name for name in list(TITLES)[len(OURS) :] if name not in known):
        command = secml if name == "secml" else [sys.executable, "-m", "benchmarks.peer.art_images", name]
        known[name] = measured(name, task, theirs(command, task, values, None if name == "secml" else art))
        yield name


def table(values: dict[str, dict[str, Row]]) -> str:
    """The table over seeds."""
    rows = []
    for name, (title, labels) in TITLES.items():
        runs = [of_seed[name] for of_seed in values.values() if name in of_seed]
        if not runs:
            rows.append([title, labels, "0", "not measured", "", ""])
            continue
        hits = [run["target_hit"] for run in runs if run["target_hit"] is not None]
        before = sum(run["target_missed_before"] for run in runs)
        rows.append(
            [
                title,
                labels,
                str(len(runs)),
                mean_and_deviation([run["drop"] for run in runs]),
                mean_and_deviation([run["seconds"] for run in runs]),
                f"{sum(hits)} of {len(hits)}, {before} before" if hits else "",
            ]
        )
    header = ["Attack", "Labels", "Seeds", "Points lost", "Processor s", "Target taken for the other"]
    return markdown_table(header, rows)


def main() -> None:
    """Every attack on every seed, on one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer", help="Python of an environment with secml")
    parser.add_argument("art", type=Path, help="folder with ART")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = report.FOLDER / "peer-images.json"
    values: dict[str, dict[str, Row]] = json.loads(path.read_text())["values"] if path.exists() else {}
    for seed in SEEDS:
        known = values.setdefault(str(seed), {})
        for name in measure(ImageTask.of(seed), seed, known, arguments.peer, arguments.art.resolve()):
            print(seed, name, known[name], flush=True)
            write(values)


def write(values: dict[str, dict[str, Row]]) -> None:
    """Write the table of benchmarks/README.md, and the numbers beside it."""
    clean = mean_and_deviation([next(iter(of_seed.values()))["clean"] for of_seed in values.values() if of_seed])
    note = (
        f"Mean ± standard deviation over the seeds of a row; clean accuracy {clean} %. One thread each. On "
        f"{report.machine()}. {report.load()}"
    )
    content = {"machine": report.machine(), "values": json.loads(finite_json.dumps(values))}
    report.write("peer-images", f"{table(values)}\n\n{note}", content)


if __name__ == "__main__":
    main()
