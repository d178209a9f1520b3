"""The outer call of every attack: plan, run, and enforce the rules, with which no attack is trusted."""

from core.attacks.algorithms.base import Attacked, Scene
from core.attacks.algorithms.plan import follows_rule, make_plan
from core.attacks.record import AttackRecord
from core.attacks.registry import record_of
from core.spec.events import Observer
from core.spec.experiment import ExperimentSpec
from core.system.errors import AttackError


def execute(spec: ExperimentSpec, scene: Scene, observe: Observer, record: AttackRecord | None = None) -> Attacked:
    """Draw base points and labels, let the attack work, and enforce budget, label rule and constraint.

    Args:
        spec: the experiment.
        scene: all that the attacker knows.
        observe: told of progress.
        record: of the attack; by default that of the spec's attack.

    Raises:
        AttackError: the attack left its budget or its label rule, or made nothing.
    """
    record = record or record_of(spec.attack.name)
    plan = make_plan(scene, spec)
    draft = record.run(spec.attack, scene, plan, observe)
    base = plan.base if draft.base is None else draft.base
    y = plan.y if draft.y is None else draft.y
    if not len(base) == len(y) == plan.n_poison or not bool(follows_rule(scene, plan, base, y).all()):
        raise AttackError(f"The attack {record.name!r} left its budget or its label rule; nothing of it is used.")
    made = draft.x if record.makes_images else draft.zeta
    if made is None or len(made) != plan.n_poison:
        kind = "images" if record.makes_images else "feature vectors"
        raise AttackError(f"The attack {record.name!r} did not make {plan.n_poison} {kind}, as its record says.")
    x = None
    if draft.x is not None:
        x = plan.feasible.eight_bit(draft.x, scene.images[base])
    zeta = None if draft.zeta is None else plan.feasible.features(draft.zeta, y)
    notes = draft.notes
    if (filter_ := plan.feasible.filter) is not None:
        if x is not None:
            x = filter_.draw_back(x, scene.images[base], y, plan.feasible.eight_bit, scene.features)
        z = zeta if x is None else scene.features(x)
        assert z is not None
        notes = {**notes, "evaded": float(filter_.passes(z, y).double().mean())}
    return Attacked(y, base, draft.target, zeta, x, notes)
