"""The experiments of the lessons over several seeds: expected results in class and their spread."""

from collections.abc import Mapping, Sequence

from core.catalog.choices import resolve
from core.evidence.measurements import MeasuredRow, accuracy_drop, stage2_drop
from core.experiments.sweep import Interval, interval
from core.presentation import lessons
from core.spec.experiment import ExperimentSpec
from core.system.tables import markdown_table, plus_minus


def steps() -> list[tuple[str, ExperimentSpec]]:
    """Each experiment of the lessons, with the number of the step where it first appears, as in "10.2"."""
    by_hash: dict[str, tuple[str, ExperimentSpec]] = {}
    for number, lesson in enumerate(lessons.load(), start=1):
        for place, step in enumerate(lesson.steps, start=1):
            for spec in () if step.play is not None else (step.spec, step.beside_spec):
                if spec is not None:
                    spec = resolve(spec)
                    by_hash.setdefault(spec.hash, (f"{number}.{place}", spec))
    return list(by_hash.values())


def specs(seeds: Sequence[int]) -> list[ExperimentSpec]:
    """All experiments of all lessons, for each seed."""
    return [spec.model_copy(update={"seed": seed}) for seed in seeds for _, spec in steps()]


def text(known: Mapping[str, MeasuredRow], seeds: Sequence[int]) -> str:
    """Clean accuracy and drop of each experiment, as Markdown.

    Args:
        known: measured rows by the hash of the spec.
        seeds: of the experiments.
    """
    lines = []
    for place, spec in steps():
        rows = [known.get(spec.model_copy(update={"seed": seed}).hash) for seed in seeds]
        settings = [
            place,
            f"`{spec.attack.name}`",
            f"`{spec.data}` by `{spec.extractor}`",
            f"{spec.train_size:,}",
            f"{100 * spec.budget:g} %",
            spec.constraint,
            spec.label_rule,
        ]
        lines.append([*settings, *_measured([row for row in rows if row is not None], len(seeds))])
    header = ["Step", "Attack", "Data", "Images", "ε", "Constraint", "Labels", "Clean, %", "Drop", "Stage 2"]
    intro = (
        "Each lesson's experiments with the lesson's own settings, over the same seeds; a class sees seed 0. Where the "
        "interval is wider than the drop, another seed may tell another story."
    )
    return f"{intro}\n\n{markdown_table(header, lines)}"


def _measured(rows: Sequence[MeasuredRow], n_seeds: int) -> list[str]:
    """Clean accuracy, drop, and drop by stage 2, if every seed was measured."""
    if len(rows) < n_seeds:
        return ["not measured yet", "", ""]
    stage2 = interval([stage2_drop(row) for row in rows]) if rows[0]["stage2"] is not None else None
    clean, drop = interval([100 * row["clean"] for row in rows]), interval([accuracy_drop(row) for row in rows])
    return [mean_and_interval(value) for value in (clean, drop, stage2)]


def mean_and_interval(value: Interval | None) -> str:
    """Mean ± half the width of the interval, to one decimal."""
    if value is None:
        return ""
    return plus_minus(value.mean, value.high - value.mean if value.seeds > 1 else None)
