"""The record of an attack: everything that the rest of the code knows about it. Without torch.

A record names the attack's settings, its stages with formula and cost, the constraints it supports, the steps that a
report lists, and its runner. An incomplete or invalid record fails when it is created, with a message that names the
fault. Plug-ins use the same records: see docs/extending.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from core.spec.events import STAGES
from core.spec.experiment import CONSTRAINTS, LABEL_RULES, ExperimentSpec, LabelRule
from core.spec.models import AttackSettings, check_settings, default_name
from core.system.errors import RecordError

if TYPE_CHECKING:
    from core.attacks.algorithms.base import Draft, Plan, Scene
    from core.spec.events import Observer

Family = Literal["baseline", "pixels", "features", "feature-targeted"]
"""The kind of an attack; lists are in this order."""

ATTACK_STAGES = ("target", "stage2", "decoder", "invert", "exchange", "pixels")
"""The stages of `core.spec.events.STAGES` that belong to attacks, in the order in which they run."""

RESERVED = frozenset(
    {
        *("data", "from", "to", "extractor", "px", "attack", "evade", "budget", "constraint", "delta", "labels"),
        *("side", "train", "test", "ridge", "seed", "defaults", "plugins", "lock", "hide"),
        *("knows", "expects", "standin"),
        *("lesson", "step", "answers", "done", "run", "runs", "out", "spec"),
        *("map", "left", "right", "colour", "head", "moves", "lasso", "page", "pin"),
        *("kind", "attacks", "budgets", "extractors", "seeds", "turn", "at"),
        *("code", "me", "teacher", "class", "of", "poisoned", "makes", "effect", "order"),
        *("show", "targets", "measure"),
    }
)
"""Names that the app's links use; parameters of attacks are in the same links, by their names."""


@dataclass(frozen=True)
class Explanation:
    """What a stage does: a LaTeX formula, on lines that fit a phone, and a sentence or two."""

    formula: str
    text: str


def lines(*parts: str) -> str:
    """A formula on several aligned lines."""
    return r"\begin{aligned}" + r" \\[0.6ex] ".join(parts) + r"\end{aligned}"


@dataclass(frozen=True)
class Workload:
    """The amount of computation, for cost estimates.

    Attributes:
        n_train, n_poison: number of clean training images and of poisoned samples.
        extraction: multiply-adds of one image's forward pass through the extractor.
        image_step: multiply-adds of one forward and backward pass of all poisoned images.
        head_step: multiply-adds of one pass of all points through the head.
        clean_head_step: the same for the clean points alone.
        label_rule: of the experiment.
    """

    n_train: int
    n_poison: int
    extraction: float
    image_step: float
    head_step: float
    clean_head_step: float
    label_rule: LabelRule = "adversarial"


@dataclass(frozen=True)
class Stage:
    """One stage of an attack.

    Attributes:
        name: one of `ATTACK_STAGES`.
        explain: what the stage does, given the settings.
        work: its units of work, given settings and workload; only the ratio between two specs matters.
        used: whether the stage runs, given the settings.
        variant: a name for what the time per unit depends on besides the device, or "".
        by_extractor: whether the time per unit depends on the extractor's architecture.
        single_try: whether all steps belong to one attempt; False if several targets or starts are tried in turn.
    """

    name: str
    explain: Callable[[Any], Explanation]
    work: Callable[[Any, Workload], float]
    used: Callable[[Any], bool] = lambda settings: True
    variant: Callable[[Any], str] = lambda settings: ""
    by_extractor: bool = False
    single_try: Callable[[Any], bool] = lambda settings: True

    def __post_init__(self) -> None:
        if self.name not in ATTACK_STAGES or self.name not in STAGES:
            raise RecordError(f"stage {self.name!r} is none of {', '.join(ATTACK_STAGES)}")


@dataclass(frozen=True, kw_only=True)
class AttackRecord:
    """Everything that the rest of the code knows about an attack.

    Attributes:
        settings: its parameters, with the attack's name; the first line of the docstring says what the attack does.
        title: its name for people.
        family: its kind; `rank` orders the attacks of a family.
        stages: in the order in which they run; empty for an attack that optimises nothing.
        makes_images: whether it produces images, or feature vectors only.
        works_on_features: whether an attack that makes images also works on data that are feature vectors, of which it
            then makes feature vectors.
        report_steps: what it does, step by step, for the settings of an experiment.
        run: the runner. It gets the settings, the attacker's knowledge (`Scene`), the plan (`Plan`) and an
            observer of progress, and returns a `Draft`, on which budget, label rule and constraint are then enforced.
            It imports torch when it is called, so that pages don't need torch.
        excluded_constraints: constraints that it does not support, each with a reason: a sentence that begins with a
            small letter.
        excluded_label_rules: label rules that it does not support, likewise.
        outcome: one sentence on how the poison came about, if the stages don't say it.
    """

    settings: type[AttackSettings]
    title: str
    family: Family
    stages: tuple[Stage, ...]
    makes_images: bool
    report_steps: Callable[[ExperimentSpec], Sequence[str]]
    run: "Callable[[Any, Scene, Plan, Observer], Draft]"
    excluded_constraints: Mapping[str, str] = field(default_factory=dict)
    excluded_label_rules: Mapping[str, str] = field(default_factory=dict)
    outcome: str = ""
    rank: int = 100
    works_on_features: bool = False

    def __post_init__(self) -> None:
        check_settings(self.settings, AttackSettings, "attack")
        name = default_name(self.settings)
        if self.family not in get_args(Family):
            raise RecordError(f"family of attack {name!r} is {self.family!r}; allowed: {', '.join(get_args(Family))}")
        if not self.title or not isinstance(self.title, str):
            raise RecordError(f"attack {name!r} has no title")
        if not isinstance(self.makes_images, bool):
            raise RecordError(f"makes_images of attack {name!r} is {self.makes_images!r}; allowed: True, False")
        if not callable(self.run):
            raise RecordError(f"run of attack {name!r} is no function")
        for parameter, about in self.settings.model_fields.items():
            if parameter in RESERVED:
                raise RecordError(f"parameter {parameter!r} of attack {name!r} has a name that links use: rename it")
            if parameter != "name" and not about.title:
                raise RecordError(f"parameter {parameter!r} of attack {name!r} has no title, which the sidebar shows")
        for what, excluded, known in (
            ("constraint", self.excluded_constraints, CONSTRAINTS),
            ("label rule", self.excluded_label_rules, LABEL_RULES),
        ):
            if unknown := sorted(excluded.keys() - known.keys()):
                raise RecordError(
                    f"attack {name!r} excludes the unknown {what} {unknown[0]!r}; known: {', '.join(known)}"
                )
            if not known.keys() - excluded.keys():
                raise RecordError(f"attack {name!r} leaves no {what}: it excludes all of {', '.join(known)}")
            if without := [key for key, reason in excluded.items() if not reason or not isinstance(reason, str)]:
                raise RecordError(f"attack {name!r} excludes the {what} {without[0]!r} without a reason")
        if not isinstance(self.stages, tuple) or not all(isinstance(stage, Stage) for stage in self.stages):
            raise RecordError(f"stages of attack {name!r} is {self.stages!r}; it has to be a tuple of Stage")
        order = [ATTACK_STAGES.index(stage.name) for stage in self.stages]
        if order != sorted(set(order)):
            raise RecordError(f"the stages of attack {name!r} are not in the order {', '.join(ATTACK_STAGES)}")
        self._ask(self.stages, ExperimentSpec.model_construct(attack=self.settings()))

    def check_answers(self, spec: ExperimentSpec) -> None:
        """Call each of the record's functions for an experiment, so that a fault shows before the run.

        Raises:
            RecordError: an answer is missing.
        """
        self._ask(self.stages_of(spec.attack), spec)

    def _ask(self, stages: Sequence[Stage], spec: ExperimentSpec) -> None:
        settings, load = spec.attack, Workload(100, 10, 1e6, 1e7, 1e4, 1e4)
        for stage in stages:
            explanation = stage.explain(settings)
            if not isinstance(explanation, Explanation) or not (explanation.formula and explanation.text):
                raise RecordError(f"stage {stage.name!r} of attack {self.name!r} has no explanation")
            if not float(stage.work(settings, load)) >= 0:
                raise RecordError(f"stage {stage.name!r} of attack {self.name!r} has no work")
            if not isinstance(stage.variant(settings), str) or not isinstance(stage.single_try(settings), bool):
                raise RecordError(f"stage {stage.name!r} of attack {self.name!r} has no variant, or no single_try")
        steps = self.report_steps(spec)
        if not steps or not all(isinstance(step, str) and step for step in steps):
            raise RecordError(f"attack {self.name!r} has no report_steps")

    @property
    def name(self) -> str:
        """Its name in specs."""
        return default_name(self.settings)

    @property
    def needs_pixels(self) -> bool:
        """Whether it can't run on data that are feature vectors."""
        return self.makes_images and not self.works_on_features

    @property
    def about(self) -> str:
        """What it does, in one sentence."""
        return (self.settings.__doc__ or "").strip().split("\n")[0]

    @property
    def constraints(self) -> tuple[str, ...]:
        """The constraints that it supports."""
        return tuple(name for name in CONSTRAINTS if name not in self.excluded_constraints)

    @property
    def label_rules(self) -> tuple[str, ...]:
        """The label rules that it supports."""
        return tuple(name for name in LABEL_RULES if name not in self.excluded_label_rules)

    def stages_of(self, settings: AttackSettings) -> tuple[Stage, ...]:
        """The stages that run with these settings."""
        return tuple(stage for stage in self.stages if stage.used(settings))
