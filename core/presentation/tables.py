"""Tables that the command line prints of defences, certificates and the store."""

import time
from collections.abc import Sequence

from core.certificates.certificate import Certificates
from core.defences.verdict import DefenceVerdict
from core.system import retention
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
    lines = [table, f"clean {clean:.1f}%, as a perfect filter would leave it; poisoned {poisoned:.1f}%"]
    if is_uneven:
        clean, poisoned = (100 * score.balanced for score in (verdicts[0].clean, verdicts[0].poisoned))
        lines.append(f"balanced accuracy, as classes are uneven: clean {clean:.1f}%, poisoned {poisoned:.1f}%")
    return "\n".join(lines)


def _defence_rows(verdict: DefenceVerdict) -> list[list[str]]:
    """A row per defence of a chain; the last row has the accuracies of the whole chain."""
    steps = verdict.steps if len(verdict.steps) == 1 else (*verdict.steps, verdict.whole)
    shares = [verdict.defended.accuracy, verdict.random]
    shares += [verdict.defended.balanced] if verdict.poisoned.is_uneven else []
    accuracies = [f"{100 * share:.1f}%" for share in shares]
    return [
        [
            step.name or "all",
            f"{len(step.removed):,}",
            f"{step.poison_removed} of {step.n_poison}",
            f"{step.clean_lost:,}",
            "" if step.auc is None else f"{step.auc:.3f}",
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
        f"{added.partitions} heads on parts of the data, {100 * added.clean:.1f}% right without poison and "
        f"{100 * added.attacked:.1f}% with these {n_poison} points",
        *_curve_lines("points added", added.certified),
        f"{flipped.noise.heads} heads on randomised labels, {100 * flipped.clean:.1f}% right",
        *_curve_lines("labels flipped", flipped.certified),
        *(f"{n:>6} labels flipped: a single head is {100 * share:.1f}% right" for n, share in flipped.plain),
    ]
    return "\n".join(lines)


def _curve_lines(changes: str, shares: Sequence[float]) -> list[str]:
    return [f"{n:>6} {changes}: {100 * shares[n]:.1f}% certain" for n in CURVE_POINTS if n < len(shares)]


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
