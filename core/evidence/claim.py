"""A claim, its test, and its verdict."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from core.evidence.measurements import Comparison, Measurements
from core.experiments.sweep import Interval

Verdict = Literal["holds", "holds in part", "does not hold", "too close to tell", "not measured"]


@dataclass(frozen=True)
class Claim:
    """A claim and its test.

    Attributes:
        name: for links.
        statement: the claim in one sentence.
        source: who makes the claim.
        compare: returns the comparisons that test it.
        judge: returns the verdict on the pooled interval of a comparison.
        why: explanation of each verdict.
    """

    name: str
    statement: str
    source: str
    compare: Callable[[Measurements], list[Comparison]]
    judge: Callable[[Interval], Verdict]
    why: dict[Verdict, str] = field(default_factory=dict)

    def verdicts(self, measurements: Measurements) -> list[tuple[Comparison, Verdict]]:
        """Each comparison with its verdict; empty comparisons are left out."""
        comparisons = [(comparison, comparison.pooled) for comparison in self.compare(measurements)]
        return [
            (comparison, self.judge(pooled) if pooled.seeds > 1 else "too close to tell")
            for comparison, pooled in comparisons
            if pooled is not None
        ]

    def verdict(self, measurements: Measurements) -> Verdict:
        """The verdict on all comparisons; if only some of them hold, the claim holds in part."""
        verdicts = {verdict for _, verdict in self.verdicts(measurements)}
        if not verdicts:
            return "not measured"
        if verdicts == {"holds"}:
            return "holds"
        if "holds" in verdicts:
            return "holds in part"
        return "does not hold" if "does not hold" in verdicts else "too close to tell"


def above(interval: Interval) -> Verdict:
    """Whether an interval lies above 0."""
    return "holds" if interval.low > 0 else "does not hold" if interval.high < 0 else "too close to tell"


def below(limit: float) -> Callable[[Interval], Verdict]:
    """Returns a test of whether an interval lies below a limit."""

    def judge(interval: Interval) -> Verdict:
        return "holds" if interval.high < limit else "does not hold" if interval.low > limit else "too close to tell"

    return judge


def at_least(limit: float) -> Callable[[Interval], Verdict]:
    """Returns a test of whether an interval lies above a limit."""

    def judge(interval: Interval) -> Verdict:
        return "holds" if interval.low > limit else "does not hold" if interval.high < limit else "too close to tell"

    return judge
