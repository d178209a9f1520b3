"""The numbers of a finished run in one typed form, whichever way they came: from a run, or from a stored result.json.

Stored results of earlier versions lack what was not counted then; it is None, or empty, here.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from scipy.special import bdtr

from core.catalog.descriptions import AttackDescription, describe
from core.heads.scores import Reachability, Score
from core.spec.experiment import ExperimentSpec, parse_spec

SIGNIFICANCE = 0.05
"""The p-value of a drop below which it is not put down to luck."""
SCORES: dict[str, tuple[str, str]] = {
    "clean": ("Clean", "Test accuracy of the head trained on the clean images alone."),
    "target": (
        "Target",
        "Test accuracy of the target parameters: the bad head that the attack would like the defender to "
        "train. Attacks without target parameters show a dash.",
    ),
    "stage2": (
        "Stage 2",
        "Test accuracy after retraining on the poisoned features themselves, before they are turned into "
        "images. Attacks without this stage show a dash.",
    ),
    "poisoned": ("Poisoned", "Test accuracy of the head retrained on clean and poisoned images: the attack."),
}
"""The accuracies of a run, by their key in result.json: a name and what it means."""


@dataclass(frozen=True)
class CurvePoint:
    """What a run reported of itself at one step.

    Attributes:
        stage: a key of `core.spec.events.STAGES`.
        step: of that stage.
        values: named numbers, such as `train_accuracy` (a fraction) or `residual`.
    """

    stage: str
    step: int
    values: Mapping[str, float]

    @classmethod
    def from_json(cls, point: Mapping[str, Any]) -> "CurvePoint":
        """Read a point of the `curve` of result.json."""
        values = {name: float(value) for name, value in point.items() if name not in ("stage", "done")}
        return cls(str(point["stage"]), int(point["done"]), values)


@dataclass(frozen=True)
class TrajectoryStep:
    """A step of how a run came about, judged like its end: see `core.experiments.trajectory`.

    Attributes:
        stage: one of `core.experiments.trajectory.PATH`.
        step: steps of its stage until then.
        accuracy: fraction of the test set.
    """

    stage: str
    step: int
    accuracy: float


@dataclass(frozen=True)
class RunSummary:
    """The content of result.json.

    Attributes:
        spec: the experiment, resolved.
        spec_hash: names it in the store.
        device: what computed it: "cpu", or a GPU's name.
        n_train, n_test, n_poison: clean training images, test images, poisoned samples.
        classes: names of the c classes.
        clean, poisoned: scores of the heads trained without and with the poison.
        target: of the target parameters; None where the attack has none.
        stage2: of the head retrained with the poisoned features themselves; None where the attack has no stage 2.
        inversion_gap: mean of ‖f(x) − ζ‖ / ‖ζ‖; None where nothing is inverted.
        threshold: what the budget can reach of the target; None without one.
        seconds: of each stage, by its key in `core.spec.events.STAGES`.
        notes: named numbers that the attack reports beside the result.
        curve: what the run reported of itself, step by step.
        trajectory: how it came about; empty where it was stored without.
        versions: of the software that computed it; empty in results of before these were kept.
        plugins: what each plug-in that took part says of itself, by its name; empty without plug-ins.
    """

    spec: ExperimentSpec
    spec_hash: str
    device: str
    n_train: int
    n_test: int
    n_poison: int
    classes: tuple[str, ...]
    clean: Score
    poisoned: Score
    target: Score | None = None
    stage2: Score | None = None
    inversion_gap: float | None = None
    threshold: Reachability | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: Mapping[str, float] = field(default_factory=dict)
    curve: tuple[CurvePoint, ...] = ()
    trajectory: tuple[TrajectoryStep, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    plugins: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def from_json(cls, result: Mapping[str, Any]) -> "RunSummary":
        """Read the content of a result.json, of this version or an earlier one.

        Raises:
            SpecError: its spec is none that this version can read.
            KeyError: it is no result of a run.
        """
        return cls(
            spec=parse_spec(result["spec"], stored=True),
            spec_hash=str(result["spec_hash"]),
            device=str(result["device"]),
            n_train=int(result["n_train"]),
            n_test=int(result["n_test"]),
            n_poison=int(result["n_poison"]),
            classes=tuple(result["classes"]),
            clean=Score(**result["clean"]),
            poisoned=Score(**result["poisoned"]),
            target=_optional(Score, result.get("target")),
            stage2=_optional(Score, result.get("stage2")),
            inversion_gap=result.get("inversion_gap"),
            threshold=_optional(_reachability, result.get("threshold")),
            seconds=dict(result.get("seconds", {})),
            notes=dict(result.get("notes", {})),
            curve=tuple(map(CurvePoint.from_json, result.get("curve", []))),
            trajectory=tuple(
                TrajectoryStep(str(step["stage"]), int(step["done"]), float(step["accuracy"]))
                for step in result.get("walk", [])
            ),
            versions=dict(result.get("versions", {})),
            plugins=dict(result.get("plugins", {})),
        )

    def to_json(self) -> dict[str, Any]:
        """The content of result.json: identical for the same spec on the same machine, `seconds` aside."""
        content = {
            "spec": self.spec.model_dump(mode="json"),
            "spec_hash": self.spec_hash,
            "device": self.device,
            "n_train": self.n_train,
            "n_test": self.n_test,
            "n_poison": self.n_poison,
            "lambda": self.spec.ridge,
            "classes": list(self.classes),
            **{name: None if (score := self.score(name)) is None else asdict(score) for name in SCORES},
            "inversion_gap": self.inversion_gap,
            "threshold": None if self.threshold is None else asdict(self.threshold),
            "notes": dict(self.notes),
            "curve": [{"stage": point.stage, "done": point.step, **point.values} for point in self.curve],
            "walk": [{"stage": step.stage, "done": step.step, "accuracy": step.accuracy} for step in self.trajectory],
            "seconds": dict(self.seconds),
            "versions": dict(self.versions),
        }
        return {**content, "plugins": dict(self.plugins)} if self.plugins else content

    @property
    def description(self) -> AttackDescription:
        """What is known of the run's attack, also where the plug-in that it comes from is not here."""
        return describe(self.spec, self.plugins)

    def score(self, name: str) -> Score | None:
        """The score of one of `SCORES`; None where the attack has no such head."""
        score: Score | None = getattr(self, name)
        return score

    def accuracies(self) -> dict[str, float]:
        """Fractions of the test set by the keys of `SCORES`, of the heads that the run has."""
        return {name: score.accuracy for name in SCORES if (score := self.score(name)) is not None}

    def drop(self, name: str = "poisoned") -> float:
        """Points of test accuracy that one of the run's heads lies below the clean one.

        Args:
            name: a key of `SCORES` that the run has.
        """
        return float(100 * (self.clean.accuracy - self._known(name).accuracy))

    def standard_error(self, name: str = "poisoned") -> float:
        """Of the accuracy of one head, in points: √(p(1 − p)/t) on t test images; arguments as for `drop`."""
        p = self._known(name).accuracy
        return 100 * math.sqrt(p * (1 - p) / self.n_test)

    def paired_error(self, name: str = "poisoned") -> float:
        """Standard error of a drop, in points: √(b + c - (b - c)² / t) / t, with b test images lost, c gained, of t.

        Both heads see the same images, so that this is much less than two accuracies measured apart would have. Runs
        of which nobody counted get the error of two such. Arguments as for `drop`.
        """
        score = self._known(name)
        lost, gained = score.lost, score.gained
        if lost is None or gained is None:
            return math.hypot(self.standard_error("clean"), self.standard_error(name))
        return 100 * math.sqrt(max(0.0, lost + gained - (lost - gained) ** 2 / self.n_test)) / self.n_test

    def p_value(self, name: str = "poisoned") -> float:
        """How often luck alone would move accuracy by as much as this drop, either way.

        McNemar's exact test: of the test images on which the two heads differ, each is lost or gained by a fair coin.
        Where nobody counted, a z-test of the drop by its `paired_error`. Arguments as for `drop`.
        """
        score = self._known(name)
        if score.lost is not None and score.gained is not None:
            return min(1.0, 2 * float(bdtr(min(score.lost, score.gained), score.lost + score.gained, 0.5)))
        error = self.paired_error(name)
        return math.erfc(abs(self.drop(name)) / error / math.sqrt(2)) if error else float(self.drop(name) == 0)

    def _known(self, name: str) -> Score:
        score = self.score(name)
        if score is None:
            raise ValueError(f"run {self.spec_hash} has no score {name!r}")
        return score


def _optional(make: Any, value: Any) -> Any:
    if value is None:
        return None
    return make(**value) if make is Score else make(value)


def _reachability(value: Mapping[str, Any]) -> Reachability:
    pairs = [(float(budget), float(residual)) for budget, residual in value["floor"]]
    return Reachability(**{**value, "floor": pairs})
