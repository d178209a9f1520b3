"""`python -m core reproduce`: measure what is missing, and rewrite docs/results.md."""

from collections.abc import Callable, Sequence
from pathlib import Path

from core.evidence import certificates, classroom, page
from core.evidence.attacks import measured
from core.evidence.frozen import frozen
from core.evidence.measure import measure
from core.spec.experiment import ExperimentSpec
from core.system.files import write_text


def reproduce(
    experiments: Sequence[ExperimentSpec],
    folder: Path,
    *,
    device: str = "auto",
    processes: int = 1,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Measure every experiment, the certificates of their clean data, and the lessons' experiments.

    Args:
        experiments: see `core.evidence.grid.specs`.
        folder: of results.md, results.json and certificates.json; entries of the last two are not measured again.
        device: "auto", "cpu" or "cuda".
        processes: number of parallel processes.
        report: receives a line for each experiment.
    """
    rows = measure(experiments, folder / "results.json", measured, device=device, processes=processes, report=report)
    # The clean data of a pair and a seed are the same for every attack and budget.
    clean = {(spec.data, spec.extractor, spec.seed): spec for spec in experiments if spec.attack.name == "label-flip"}
    certified = measure(
        list(clean.values()),
        folder / "certificates.json",
        certificates.measured,
        device=device,
        processes=processes,
        report=report,
    )
    seeds = sorted({spec.seed for spec in experiments})
    in_class = classroom.specs(seeds)
    class_rows = measure(in_class, folder / "results.json", measured, device=device, processes=processes, report=report)
    known = {spec.hash: row for spec, row in zip(in_class, class_rows, strict=True)}
    evidence = frozen(experiments, {spec.hash: row for spec, row in zip(experiments, rows, strict=True)})
    write_text(folder / "results.md", page.page(evidence, certified, classroom.text(known, seeds)))
