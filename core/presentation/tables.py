"""Tables that the command line prints of defences, certificates and the store."""

import time
from collections.abc import Sequence

from core.certificates.certificate import Certificates
from core.defences.verdict import DefenceVerdict
from core.system import retention
from core.system.numbers import counted, fixed, named
from core.system.tables import text_table

CURVE_POINTS = (0, 1, 2, 3, 5, 10, 20, 30, 50, 100, 200)
"""Numbers of added points or flipped labels for which a certificate is printed."""


def defences_table(verdicts: Sequence[DefenceVerdict]) -> str:
    """A table of verdicts on chains of defences, with a row for each defence and one for the whole chain.

    Args:
        verdicts: all of one run. Where its classes are uneven, balanced accuracy stands beside accuracy.
    """
    is_uneven = verdicts[0].poisoned.is_uneven
    header = ["defence", "removed", "found", "clean lost", "ROC AUC", "accuracy", "random"]
    header += ["balanced"] if is_uneven else []
    table = text_table([row for verdict in verdicts for row in _defence_rows(verdict)], header=header)
    clean, poisoned = (100 * score.accuracy for score in (verdicts[0].clean, verdicts[0].poisoned))
    lines = [table, f"clean {fixed(clean)}%, as a perfect filter would leave it; poisoned {fixed(poisoned)}%"]
    if is_uneven:
        clean, poisoned = (100 * score.balanced for score in (verdicts[0].clean, verdicts[0].poisoned))
        lines.append(f"balanced accuracy, as classes are uneven: clean {fixed(clean)}%, poisoned {fixed(poisoned)}%")
    return "\n".join(lines)


def _defence_rows(verdict: DefenceVerdict) -> list[list[str]]:
    """A row per defence of a chain; the last row has the accuracies of the whole chain."""
    steps = verdict.steps if len(verdict.steps) == 1 else (*verdict.steps, verdict.whole)
    shares = [verdict.defended.accuracy, verdict.random]
    shares += [verdict.defended.balanced] if verdict.poisoned.is_uneven else []
    accuracies = [f"{fixed(100 * share)}%" for share in shares]
    return [
        [
            step.name or "all",
            f"{len(step.removed):,}",
            f"{step.poison_removed} of {step.n_poison}",
            f"{step.clean_lost:,}",
            "" if step.auc is None else fixed(step.auc, 3),
            *(accuracies if step is steps[-1] else [""] * len(accuracies)),
        ]
        for step in steps
    ]


def certificates_text(certificates: Certificates, n_poison: int) -> str:
    """Both certificates of a run: certified accuracies against added points and flipped labels.

    Args:
        certificates: of the run.
        n_poison: number of poisoned samples of the run.
    """
    added, flipped = certificates.added, certificates.flipped
    lines = [
        f"{counted(added.partitions, 'head')} on parts of the data, {fixed(100 * added.clean)}% right without poison "
        f"and {fixed(100 * added.attacked)}% with {counted(n_poison, 'poisoned point')}",
        *_curve_lines("point", "added", added.certified),
        f"{counted(flipped.noise.heads, 'head')} on randomised labels, {fixed(100 * flipped.clean)}% right",
        *_curve_lines("label", "flipped", flipped.certified),
        *(
            f"{n:>6} {named(n, 'label')} flipped: a single head is {fixed(100 * share)}% right"
            for n, share in flipped.plain
        ),
    ]
    return "\n".join(lines)


def _curve_lines(thing: str, done: str, shares: Sequence[float]) -> list[str]:
    """The certified accuracy after each number of changes, such as labels flipped."""
    return [
        f"{n:>6} {named(n, thing)} {done}: {fixed(100 * shares[n])}% certain" for n in CURVE_POINTS if n < len(shares)
    ]


def store_table(entries: Sequence[retention.Entry]) -> str:
    """A table of stored runs: size, last use, and whether they are pinned."""
    return text_table(
        [
            [
                entry.name,
                retention.format_size(entry.size),
                time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used)) if entry.used else "damaged",
                "pinned" if entry.protected else "",
            ]
            for entry in entries
        ],
        align="lrll",
    )
