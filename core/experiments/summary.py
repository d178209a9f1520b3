"""The numbers of a finished run in one typed form, whether from a run or from a stored result.json.

Fields that results of earlier versions lack are None or empty.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from core.catalog.descriptions import AttackDescription, describe
from core.heads.scores import Reachability, Score
from core.spec.experiment import ExperimentSpec, parse_spec
from core.system.finite_json import number

SIGNIFICANCE = 0.05
"""A drop is significant if its p-value is below this."""
Z_95 = 1.959964
"""Standard errors from the middle of a 95 % interval of a normal distribution to its ends."""
SCORES: dict[str, tuple[str, str]] = {
    "clean": ("Clean", "Test accuracy of the head trained on the clean images alone."),
    "target": (
        "Target",
        "Test accuracy of the target parameters: the bad head that the attack would like the defender to train.",
    ),
    "stage2": (
        "Stage 2",
        "Test accuracy after retraining on the poisoned features themselves, before they are turned into images.",
    ),
    "poisoned": ("Poisoned", "Test accuracy of the head retrained on clean and poisoned images: the attack."),
}
"""The accuracies of a run, by their key in result.json: name and meaning."""


@dataclass(frozen=True)
class CurvePoint:
    """The values that a run reported at one step.

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
        values = {name: float(number(value)) for name, value in point.items() if name not in ("stage", "done")}
        return cls(str(point["stage"]), int(point["done"]), values)


@dataclass(frozen=True)
class TrajectoryStep:
    """An evaluated step of the trajectory of a run: see `core.experiments.trajectory`.

    Attributes:
        stage: one of `core.experiments.trajectory.PATH`.
        step: steps of the stage so far.
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
        spec_hash: identifies the run in the store.
        device: that computed it: "cpu", or the name of a GPU.
        n_train, n_test, n_poison: numbers of clean training images, test images and poisoned samples.
        classes: names of the c classes.
        clean, poisoned: scores of the heads trained without and with the poison.
        target: score of the target parameters; None if the attack has none.
        stage2: score of the head retrained with the poisoned features themselves; None if the attack has no stage 2.
        inversion_gap: mean of ‖f(x) − ζ‖ / ‖ζ‖; None without inversion.
        threshold: whether the budget can reach the target; None without a target.
        seconds: duration of each stage, by its key in `core.spec.events.STAGES`.
        notes: further named numbers that the attack reports.
        curve: values that the run reported, step by step.
        trajectory: evaluated steps of the attack; empty if none were stored.
        versions: of the software that computed it; empty in early results.
        plugins: descriptions of the plug-ins that took part, by name; empty without plug-ins.
        remarks: what was assumed of the data and of the extractor, a sentence each; empty for registered ones.
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
    remarks: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, result: Mapping[str, Any]) -> "RunSummary":
        """Read the content of a result.json, of this version or an earlier one.

        Raises:
            SpecError: this version can't read its spec.
            KeyError: it is not the result of a run.
        """
        return cls(
            spec=parse_spec(result["spec"], stored=True),
            spec_hash=str(result["spec_hash"]),
            device=str(result["device"]),
            n_train=int(result["n_train"]),
            n_test=int(result["n_test"]),
            n_poison=int(result["n_poison"]),
            classes=tuple(result["classes"]),
            clean=Score.from_json(result["clean"]),
            poisoned=Score.from_json(result["poisoned"]),
            target=_optional(Score.from_json, result.get("target")),
            stage2=_optional(Score.from_json, result.get("stage2")),
            inversion_gap=result.get("inversion_gap"),
            threshold=_optional(_reachability, result.get("threshold")),
            seconds=dict(result.get("seconds", {})),
            notes={name: number(value) for name, value in result.get("notes", {}).items()},
            curve=tuple(map(CurvePoint.from_json, result.get("curve", []))),
            trajectory=tuple(
                TrajectoryStep(str(step["stage"]), int(step["done"]), float(step["accuracy"]))
                for step in result.get("walk", [])
            ),
            versions=dict(result.get("versions", {})),
            plugins=dict(result.get("plugins", {})),
            remarks=tuple(map(str, result.get("remarks", ()))),
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
        if self.plugins:
            content["plugins"] = dict(self.plugins)
        return {**content, "remarks": list(self.remarks)} if self.remarks else content

    @property
    def description(self) -> AttackDescription:
        """The description of the run's attack, even if its plug-in is not installed."""
        return describe(self.spec, self.plugins)

    def score(self, name: str) -> Score | None:
        """The score by its key in `SCORES`; None if the attack has no such head."""
        score: Score | None = getattr(self, name)
        return score

    def accuracies(self) -> dict[str, float]:
        """Test accuracies, as fractions, by the keys of `SCORES` that the run has."""
        return {name: score.accuracy for name in SCORES if (score := self.score(name)) is not None}

    def drop(self, name: str = "poisoned") -> float:
        """Drop of test accuracy from the clean head to another head of the run, in percentage points.

        Args:
            name: a key of `SCORES` that the run has.
        """
        return float(100 * (self.clean.accuracy - self._known(name).accuracy))

    def class_drops(self) -> list[float]:
        """Drop of test accuracy of each class from the clean to the poisoned head, in percentage points.

        NaN for a class without test images, which results of earlier versions may have.
        """
        pairs = zip(self.clean.per_class, self.poisoned.per_class, strict=True)
        return [100 * (before - after) for before, after in pairs]

    def standard_error(self, name: str = "poisoned") -> float:
        """Standard error of a head's accuracy, in points: √(p(1 − p)/t) on t test images; arguments as for `drop`."""
        p = self._known(name).accuracy
        return 100 * math.sqrt(p * (1 - p) / self.n_test)

    def paired_error(self, name: str = "poisoned") -> float:
        """Standard error of a drop, in points: √(b + c - (b - c)² / t) / t, with b of t test images lost and c gained.

        Both heads see the same images, so that this is much less than for independent samples. Runs stored without
        these counts get the error of independent samples. Arguments as for `drop`.
        """
        score = self._known(name)
        lost, gained = score.lost, score.gained
        if lost is None or gained is None:
            return math.hypot(self.standard_error("clean"), self.standard_error(name))
        return 100 * math.sqrt(max(0.0, lost + gained - (lost - gained) ** 2 / self.n_test)) / self.n_test

    def drop_margin(self, name: str = "poisoned") -> float:
        """Half the width of the 95 % confidence interval of a drop, in points; arguments as for `drop`."""
        return Z_95 * self.paired_error(name)

    def p_value(self, name: str = "poisoned") -> float:
        """Two-sided p-value of a drop by McNemar's exact test.

        Under the null hypothesis each test image on which the two heads differ is lost or gained with probability
        1/2. Runs stored without these counts get a z-test with `paired_error`. Arguments as for `drop`.
        """
        score = self._known(name)
        if score.lost is not None and score.gained is not None:
            from scipy.special import bdtr  # imported late: a command that prints no p-value starts sooner without it

            return min(1.0, 2 * float(bdtr(min(score.lost, score.gained), score.lost + score.gained, 0.5)))
        error = self.paired_error(name)
        return math.erfc(abs(self.drop(name)) / error / math.sqrt(2)) if error else float(self.drop(name) == 0)

    def _known(self, name: str) -> Score:
        score = self.score(name)
        if score is None:
            raise ValueError(f"run {self.spec_hash} has no score {name!r}")
        return score


def _optional(make: Any, value: Any) -> Any:
    return None if value is None else make(value)


def _reachability(value: Mapping[str, Any]) -> Reachability:
    pairs = [(float(budget), number(residual)) for budget, residual in value["floor"]]
    return Reachability(**{**value, "residual": number(value["residual"]), "floor": pairs})
