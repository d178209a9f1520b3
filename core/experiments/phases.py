"""The phases of a run, in order; each takes the results of earlier phases and returns its own."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.attacks.algorithms.base import Attacked, Scene
from core.attacks.algorithms.gradient_canceling import Canceling
from core.attacks.algorithms.images import NoImages, training_images
from core.attacks.algorithms.inversion import gaps
from core.attacks.execution import execute
from core.attacks.registry import record_of
from core.experiments import limited, trajectory
from core.experiments.extraction import Extracted, Loaded
from core.experiments.plot_data import PlotData
from core.experiments.plotting import Heads, plot_data
from core.experiments.previews import Previewer
from core.experiments.result import Poison, to_uint8
from core.experiments.watch import RunWatch
from core.extractors import features
from core.heads.evaluation import Evaluator
from core.heads.reachability import reachability
from core.heads.scores import Reachability, Score
from core.spec.events import Event
from core.spec.experiment import ExperimentSpec
from core.system.arrays import Array
from core.system.errors import AttackError


@dataclass(frozen=True)
class Clean:
    """The evaluator, the head (c, d + 1) trained on clean data, and its score."""

    evaluator: Evaluator
    head: Tensor
    score: Score


def train_clean(spec: ExperimentSpec, loaded: Loaded, extracted: Extracted, watch: RunWatch) -> Clean:
    """Train and score the clean head.

    Args:
        spec: a resolved spec.
        loaded: names of the classes.
        extracted: features of the clean data.
        watch: receives progress events.
    """
    evaluator = Evaluator(
        extracted.train_z, extracted.train_y, extracted.test_z, extracted.test_y, len(loaded.classes), spec.ridge
    )
    with watch.stage("clean"):
        head = evaluator.retrain()
        return Clean(evaluator, head, evaluator.score(head))


@dataclass(frozen=True)
class Attack:
    """What there is to know, the poison with its constraints enforced, and the `own_base` of `Poison`."""

    scene: Scene
    attacked: Attacked
    own_base: tuple[Array, Array] | None = None


def scene_of(spec: ExperimentSpec, loaded: Loaded, extracted: Extracted, clean: Clean) -> Scene:
    """What the attacker knows of an experiment; no test data.

    Args:
        spec: a resolved spec.
        loaded: images and extractor.
        extracted: features.
        clean: the clean head.
    """
    return Scene(
        images=(
            NoImages(len(extracted.train_y), loaded.device)
            if loaded.extractor is None
            else training_images(loaded.split.train_x, loaded.device)
        ),
        z=extracted.train_z,
        y=extracted.train_y,
        n_classes=len(loaded.classes),
        ridge=spec.ridge,
        clean_head=clean.head,
        pipeline=extracted.pipeline,
        digest=extracted.digest,
    )


def attack(spec: ExperimentSpec, loaded: Loaded, extracted: Extracted, clean: Clean, watch: RunWatch) -> Attack:
    """Run the attack; it never sees test data.

    Args:
        spec: a resolved spec.
        loaded: images and extractor.
        extracted: features.
        clean: the clean head.
        watch: receives progress events.
    """
    scene = scene_of(spec, loaded, extracted, clean)
    watch.previewer = Previewer(scene, extracted.train_z, extracted.train_y)
    if limited.knows_everything(spec):
        attacked, own_base = execute(spec, scene, watch), None
    else:
        attacked, own_base = limited.execute(spec, loaded, extracted, scene, watch)
    watch.end_stage()
    return Attack(scene, attacked, own_base)


@dataclass(frozen=True)
class Evaluated:
    """The heads with the poison in the training set, and their scores beside the clean head's.

    Attributes:
        poison_z: (m, d) features of the poison as the defender receives it.
        gap: (m,) inversion gap; None unless features were inverted.
        head: (c, d + 1) retrained with the poison.
        target: score of the target parameters; None where the attack has none.
        stage2: of the head retrained with stage 2's features; None where the attack has no stage 2.
        threshold: what the budget can reach of the target.
    """

    poison_z: Tensor
    gap: Tensor | None
    head: Tensor
    poisoned: Score
    target: Score | None
    stage2: Score | None
    threshold: Reachability | None


def evaluate(spec: ExperimentSpec, extracted: Extracted, clean: Clean, attack: Attack, watch: RunWatch) -> Evaluated:
    """Retrain the head on the poisoned set, and on stage 2's features, and score each once on the test set.

    Args:
        spec: a resolved spec.
        extracted: features of the clean data.
        clean: the clean head and its evaluator.
        attack: the poison.
        watch: receives progress events.
    """
    attacked, evaluator = attack.attacked, clean.evaluator
    with watch.stage("evaluate"):
        poison_z, gap = _poison_features(spec, extracted.pipeline, attacked)
        head = evaluator.retrain(poison_z, attacked.y, clean.head)
        poisoned = evaluator.score(head, clean.head)
        stage2 = None
        if attacked.zeta is not None and attacked.x is None:
            stage2 = poisoned if record_of(spec.attack.name).stages else None  # else features of clean points
        elif attacked.zeta is not None:
            retrained = evaluator.retrain(attacked.zeta.float(), attacked.y, clean.head)
            stage2 = evaluator.score(retrained, clean.head)
        target = None if attacked.target is None else evaluator.score(attacked.target, clean.head)
        threshold = _reachability(spec, attack, poison_z)
        return Evaluated(poison_z, gap, head, poisoned, target, stage2, threshold)


def _poison_features(
    spec: ExperimentSpec, pipeline: features.Pipeline, attacked: Attacked
) -> tuple[Tensor, Tensor | None]:
    """Features (m, d) of the poison as the defender receives it, and the inversion gap (m,) of each image, if any.

    Raises:
        AttackError: features that are not finite.
    """
    if attacked.x is None:
        assert attacked.zeta is not None
        return attacked.zeta.float(), None
    # The attack's own features are not trusted.
    z = exported_features(spec, pipeline, attacked.x.cpu().numpy(), attacked.y.device)
    return z, None if attacked.zeta is None else gaps(z, attacked.zeta.float())


def exported_features(spec: ExperimentSpec, pipeline: features.Pipeline, x: Array, device: torch.device) -> Tensor:
    """Features (m, d) of poisoned images (m, C, H, W) in [0, 1], of their 8-bit form.

    Only under the constraint `none` may pixels be arbitrary numbers, which don't fit into 8 bits.

    Args:
        spec: a resolved spec.
        pipeline: from images to scaled features.
        x: the images.
        device: of the result.

    Raises:
        AttackError: features that are not finite.
    """
    z = features.extract_on(pipeline, x if spec.constraint == "none" else to_uint8(x), device)
    if not bool(z.isfinite().all()):
        raise AttackError(
            "The poisoned images have features that are not finite: the constraint none leaves their pixels free, and "
            "they are too large for the extractor. Use the constraint valid or perturbation."
        )
    return z


def _reachability(spec: ExperimentSpec, attack: Attack, poison_z: Tensor) -> Reachability | None:
    """Whether the budget can reach the attack's target parameters; None for attacks without a target."""
    scene, attacked = attack.scene, attack.attacked
    if attacked.target is None:
        return None
    residual, _ = Canceling.prepare(scene.problem, attacked.target, attacked.y).residual(poison_z.double())
    # Images may have any features: only attacks that return features are limited to the clean range.
    bound = attacked.x is None and spec.constraint != "none"
    box = scene.box if bound else None
    return reachability(scene.problem, attacked.target, len(attacked.y) / len(scene.y), float(residual.norm()), box)


def poison_arrays(attacked: Attacked, poison_z: Tensor, own_base: tuple[Array, Array] | None = None) -> Poison:
    """Convert the poison to plain arrays, as the defender receives it.

    Args:
        attacked: the poison.
        poison_z: (m, d) its features.
        own_base: see `core.experiments.result.Poison`.
    """
    return Poison(
        x=_float32(attacked.x),
        z=poison_z.cpu().numpy(),
        y=attacked.y.cpu().numpy(),
        base_index=attacked.base.cpu().numpy(),
        zeta=_float32(attacked.zeta),
        own_base=own_base,
    )


def fitted_arrays(loaded: Loaded, extracted: Extracted, poison: Poison) -> dict[str, Array]:
    """The arrays that the heads were fitted on: the content of features.npz.

    Args:
        loaded: labels of the clean data.
        extracted: features of the clean data.
        poison: features and labels of the poison.

    Returns:
        `train_z` (n, d), `train_y` (n,), `poison_z` (m, d), `poison_y` (m,), `test_z` (t, d) and `test_y` (t,).
    """
    return {
        "train_z": extracted.on_host[0],
        "train_y": loaded.split.train_y,
        "poison_z": poison.z,
        "poison_y": poison.y,
        "test_z": extracted.on_host[1],
        "test_y": loaded.split.test_y,
    }


def _float32(tensor: Tensor | None) -> Array | None:
    return None if tensor is None else tensor.detach().cpu().numpy().astype(np.float32)


def evaluate_trajectory(
    clean: Clean, attack: Attack, evaluated: Evaluated, poison: Poison, watch: RunWatch
) -> list[trajectory.EvaluatedStep]:
    """Evaluate the recorded trajectory, each step in the same way as the final result; empty without a recorder.

    Args:
        clean: the clean head and its evaluator.
        attack: the poison.
        evaluated: scores at the ends of the stages.
        poison: as the defender receives it.
        watch: holds the recorder, and receives progress events.
    """
    recorder, evaluator, attacked = watch.recorder, clean.evaluator, attack.attacked
    if recorder is None:
        return []
    recorder.follow(attacked.target, attacked.target_index)
    with watch.stage("walk"):
        ends = {"clean": trajectory.stage_end("clean", clean.score, recorder)}
        if evaluated.target is not None:
            ends["target"] = trajectory.stage_end("target", evaluated.target, recorder)
        if evaluated.stage2 is not None:
            ends["stage2"] = trajectory.stage_end("stage2", evaluated.stage2, recorder, poison.zeta)
        if poison.x is not None:
            ends["poison"] = trajectory.stage_end("poison", evaluated.poisoned, recorder, poison.z, poison.x)
        total = len(recorder) + len(ends)
        steps: list[trajectory.EvaluatedStep] = []
        for step in trajectory.evaluate_steps(
            recorder,
            ends,
            lambda z, y, start: evaluator.retrain(
                z, attacked.y if y is None else y, clean.head if start is None else start
            ),
            lambda theta: evaluator.score(theta).accuracy,
        ):
            steps.append(step)
            watch(Event("walk", len(steps), total))
        return steps


def draw(
    spec: ExperimentSpec,
    loaded: Loaded,
    extracted: Extracted,
    clean: Clean,
    evaluated: Evaluated,
    poison: Poison,
    steps: list[trajectory.EvaluatedStep],
    watch: RunWatch,
) -> PlotData:
    """Compute the arrays that the app draws.

    Args:
        spec: a resolved spec.
        loaded: images.
        extracted: features.
        clean: the clean head.
        evaluated: the poisoned head.
        poison: as the defender receives it.
        steps: the trajectory.
        watch: receives progress events.
    """
    with watch.stage("map"):
        heads = Heads(
            clean=clean.head,
            poisoned=evaluated.head,
            z=extracted.train_z,
            y=extracted.train_y,
            test_z=extracted.test_z,
            test_y=extracted.test_y,
            ridge=spec.ridge,
            z_on_host=extracted.on_host[0],
        )
        return plot_data(loaded.split.train_x, heads, poison, evaluated.gap, steps)
