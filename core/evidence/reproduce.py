"""`python -m core reproduce`: measure what is missing, and rewrite docs/results.md."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from core.evidence import certificates, classroom, knowledge, page, vendors
from core.evidence.attacks import measured
from core.evidence.frozen import frozen
from core.experiments.measure import measure_until
from core.spec.experiment import ExperimentSpec
from core.system.errors import DataError
from core.system.files import write_text


def reproduce(
    experiments: Sequence[ExperimentSpec],
    folder: Path,
    *,
    device: str = "auto",
    processes: int = 1,
    minutes: float | None = None,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Measure every experiment, certificates of the clean data, attackers that know less, and lessons and emoji.

    Args:
        experiments: see `core.evidence.grid.specs`.
        folder: of results.md, results.json and certificates.json; entries of the last two are not measured again.
        device: "auto", "cpu" or "cuda".
        processes: number of parallel processes.
        minutes: after which no experiment is begun; the page tells what is not measured yet. None for no limit.
        report: receives a line for each experiment.

    Raises:
        DataError: no experiment, or no certificate, was measured, so that there is nothing to write.
    """
    end = None if minutes is None else time.monotonic() + 60 * minutes
    certified = certificates.specs(experiments)
    seeds = sorted({spec.seed for spec in experiments})
    known: dict[str, dict[str, Any]] = {}
    certain: dict[str, dict[str, Any]] = {}
    for specs, name, measure_one, found in (
        (experiments, "results.json", measured, known),
        (certified, "certificates.json", certificates.measured, certain),
        (knowledge.specs(experiments), "results.json", measured, known),
        (classroom.specs(seeds), "results.json", measured, known),
        (vendors.specs(seeds), "results.json", measured, known),
    ):
        found |= measure_until(
            specs, folder / name, measure_one, end, device=device, processes=processes, report=report
        )
    evidence = frozen(experiments, known)
    rows = [certain[spec.hash] for spec in certified if spec.hash in certain]
    if not evidence.rows or not rows:
        raise DataError(f"Too little is measured in {folder} to write the page. Give it more minutes.")
    write_text(
        folder / "results.md", page.page(evidence, rows, classroom.text(known, seeds), vendors.text(known, seeds))
    )
