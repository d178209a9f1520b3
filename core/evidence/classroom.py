"""The lessons' experiments over several seeds: what a class may see, and how much of it is luck."""

from collections.abc import Mapping, Sequence

from core.catalog.choices import resolve
from core.evidence.measurements import Measured, lost, stage2_lost
from core.experiments.sweep import Interval, interval
from core.presentation import lessons
from core.spec.experiment import ExperimentSpec
from core.system.tables import markdown_table, plus_minus


def steps() -> list[tuple[str, ExperimentSpec]]:
    """Each experiment of a lesson, with the place where it first comes up, as in "10.2"."""
    found: dict[str, tuple[str, ExperimentSpec]] = {}
    for number, lesson in enumerate(lessons.load(), start=1):
        for place, step in enumerate(lesson.steps, start=1):
            for spec in (step.spec, step.beside_spec):
                if spec is not None:
                    spec = resolve(spec)
                    found.setdefault(spec.hash, (f"{number}.{place}", spec))
    return list(found.values())


def specs(seeds: Sequence[int]) -> list[ExperimentSpec]:
    """Every experiment of every lesson, on each seed."""
    return [spec.model_copy(update={"seed": seed}) for seed in seeds for _, spec in steps()]


def text(known: Mapping[str, Measured], seeds: Sequence[int]) -> str:
    """Clean accuracy and drop of each, as Markdown.

    Args:
        known: what was measured, by the hash of the spec.
    """
    rows = []
    for place, spec in steps():
        mine = [known.get(spec.model_copy(update={"seed": seed}).hash) for seed in seeds]
        asked = [
            place,
            f"`{spec.attack.name}`",
            f"`{spec.data}` by `{spec.extractor}`",
            f"{spec.train_size:,}",
            f"{100 * spec.budget:g} %",
            spec.constraint,
            spec.label_rule,
        ]
        rows.append([*asked, *_measured([one for one in mine if one is not None], len(seeds))])
    header = ["Step", "Attack", "Data", "Images", "ε", "Constraint", "Labels", "Clean, %", "Drop", "Stage 2"]
    words = (
        "Each lesson's experiments with the lesson's own settings, over the same seeds; a class sees seed 0. Where the "
        "interval is wider than the drop, another seed may tell another story."
    )
    return f"{words}\n\n{markdown_table(header, rows)}"


def _measured(rows: Sequence[Measured], n_seeds: int) -> list[str]:
    """Clean accuracy, drop and that of stage 2, where every seed was measured."""
    if len(rows) < n_seeds:
        return ["not measured yet", "", ""]
    stage2 = interval([stage2_lost(row) for row in rows]) if rows[0]["stage2"] is not None else None
    clean, drop = interval([100 * row["clean"] for row in rows]), interval([lost(row) for row in rows])
    return [mean_and_interval(one) for one in (clean, drop, stage2)]


def mean_and_interval(one: Interval | None) -> str:
    """Mean ± half the width of the interval, to one decimal."""
    if one is None:
        return ""
    return plus_minus(one.mean, one.high - one.mean if one.seeds > 1 else None)
