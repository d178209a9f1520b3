"""The stages of a run, each as something to time at any size."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import torch

from benchmarks.speed.material import Size
from benchmarks.speed.measure import Run
from benchmarks.speed.work import Work
from core.attacks.algorithms.ascent import Ascent
from core.attacks.algorithms.base import Plan, Scene
from core.attacks.algorithms.canvas import Canvas
from core.attacks.algorithms.gradient_canceling import ADAM_STEP, Canceling, gradpc_target
from core.attacks.algorithms.implicit import Damage
from core.attacks.algorithms.inversion import match, nearest_bases
from core.attacks.ft_matching import FTMatching
from core.attacks.gc_feature import GCFeature
from core.attacks.tgda_feature import TGDAFeature
from core.defences.algorithms.base import TrainingSet
from core.defences.execution import judge
from core.defences.loss import Loss
from core.defences.sphere import Sphere
from core.experiments import projection
from core.extractors.features import extract
from core.heads import logistic as head
from core.spec.events import silent

TGDA_STEPS, GC_STEPS, MATCH_STEPS = 2, 100, 5


@dataclass(frozen=True)
class Stage:
    """A stage of a run.

    Attributes:
        prepare: does what is not timed, and hands back what is.
        sizes: letters of the sizes that enter it: n, m, d, c.
        formula: the work, where torch does not see it.
    """

    prepare: Callable[[Scene, Plan], Run]
    sizes: str
    formula: Callable[[Size], Work] | None = None


def _extraction(scene: Scene, plan: Plan) -> Run:
    images = (scene.images * 255.0).round().byte().cpu().numpy()
    return lambda: extract(scene.pipeline, images, scene.z.device)


def _clean_head(scene: Scene, plan: Plan) -> Run:
    return lambda: head.fit(scene.z, scene.y, scene.n_classes, scene.ridge)


def _tgda(scene: Scene, plan: Plan) -> Run:
    damage = Damage(scene, plan.y)

    def run() -> None:
        damage.theta, damage.q = scene.clean_head, None
        ascent = Ascent(scene.z[plan.base].double(), TGDAFeature().lr, TGDAFeature().steps, plan.features_)
        for _ in range(TGDA_STEPS):
            ascent.step(damage.probe(ascent.x).gradient)

    return run


def _gc_constant(scene: Scene, plan: Plan) -> Run:
    target = gradpc_target(scene, GCFeature().radius)
    return lambda: Canceling.prepare(scene.problem, target, plan.y)


def _gc(scene: Scene, plan: Plan) -> Run:
    canceling = Canceling.prepare(scene.problem, gradpc_target(scene, GCFeature().radius), plan.y)

    def run() -> None:
        descent = Ascent(scene.z[plan.base].double(), ADAM_STEP, GCFeature().steps, plan.features_)
        canceling.minimise(descent, GC_STEPS)

    return run


def _nearest(scene: Scene, plan: Plan) -> Run:
    zeta = scene.z[plan.base]
    return lambda: nearest_bases(scene, plan, zeta)


def _matching(scene: Scene, plan: Plan) -> Run:
    base, z = scene.images[plan.base], scene.z[plan.base]
    canvas = Canvas(scene.pipeline, base, plan.feasible, plan.y)
    return lambda: match(canvas, base, z, z.roll(1, 0), MATCH_STEPS, FTMatching().beta, silent)


def _map(scene: Scene, plan: Plan) -> Run:
    # By another seed each time: maps are cached by their seed.
    z, seeds = scene.z.cpu().numpy(), count(1)
    return lambda: projection.fit(z, seed=next(seeds), device=scene.z.device)


def _placing(scene: Scene, plan: Plan) -> Run:
    fitted = projection.fit(scene.z.cpu().numpy(), device=scene.z.device)
    poison = scene.z[plan.base].roll(1, 0).cpu().numpy()
    return lambda: fitted.place(poison)


def _defence(spec: Sphere | Loss) -> Callable[[Scene, Plan], Run]:
    def prepare(scene: Scene, plan: Plan) -> Run:
        z, y = torch.cat([scene.z, scene.z[plan.base]]), torch.cat([scene.y, plan.y])
        data = TrainingSet(z, y, scene.n_classes, scene.ridge)
        return lambda: judge(spec, data)

    return prepare


def _distances(size: Size) -> Work:
    """Of m points to n, by a product, in float32."""
    return Work(2 * size.m * size.n * size.d, 0, 4 * ((size.m + size.n) * size.d + size.m * size.n))


def _to_centres(size: Size) -> Work:
    """Of n + m points to the centres of their classes: subtract, square, add; float32 in, float64 from there on."""
    coordinates = (size.n + size.m) * size.d
    return Work(0, 3 * coordinates, (4 + 8) * coordinates)


STAGES = {
    "Extraction": Stage(_extraction, "n"),
    "Clean head": Stage(_clean_head, "ndc"),
    f"TGDA, {TGDA_STEPS} steps": Stage(_tgda, "nmdc"),
    "Gradient Canceling, the constant clean term": Stage(_gc_constant, "ndc"),
    f"Gradient Canceling, {GC_STEPS} steps": Stage(_gc, "mdc"),
    "Nearest images, where matching begins": Stage(_nearest, "nmd", formula=_distances),
    f"Feature matching, {MATCH_STEPS} steps": Stage(_matching, "m"),
    "Fitting the map": Stage(_map, "nd"),
    "Placing on the map": Stage(_placing, "nmd", formula=_distances),
    "Defence `sphere`": Stage(_defence(Sphere()), "ndc", formula=_to_centres),
    "Defence `loss`": Stage(_defence(Loss()), "ndc"),
}
