"""The outer call of every attack: plan, run, and enforce the rules, which are not left to the attack."""

import torch

from core.attacks.algorithms.base import Attacked, Draft, Plan, Scene
from core.attacks.algorithms.checks import CheckedObserver, check_draft
from core.attacks.algorithms.plan import make_plan
from core.attacks.record import AttackRecord
from core.attacks.registry import record_of
from core.spec.events import Observer, made_from
from core.spec.experiment import ExperimentSpec
from core.spec.registry import PLUGINS
from core.system.errors import AttackError, PoisonLabError, where


def execute(spec: ExperimentSpec, scene: Scene, observe: Observer, record: AttackRecord | None = None) -> Attacked:
    """Draw base points and labels, run the attack, and enforce budget, label rule and constraint.

    Args:
        spec: the experiment.
        scene: what the attacker knows.
        observe: receives the progress.
        record: of the attack; by default that of the spec's attack.

    Raises:
        AttackError: the attack violated its budget, its label rule or its record or, if it comes from a plug-in,
            raised an error.
    """
    record = record or record_of(spec.attack.name)
    plan = make_plan(scene, spec)
    draft = check_draft(_run(spec, scene, plan, observe, record), record, scene, plan)
    base = plan.base if draft.base is None else draft.base
    y = plan.y if draft.y is None else draft.y
    x = None
    if draft.x is not None:
        x = plan.feasible.eight_bit(draft.x, scene.images[base])
    zeta = None if draft.zeta is None else plan.feasible.features(draft.zeta, y)
    notes = draft.notes
    if (filter_ := plan.feasible.filter) is not None:
        if x is not None:
            x = filter_.retreat_to_base(x, scene.images[base], y, plan.feasible.eight_bit, scene.features)
        z = zeta if x is None else scene.features(x)
        assert z is not None
        notes = {**notes, "evaded": float(filter_.passes(z, y).double().mean())}
    return Attacked(y, base, draft.target, zeta, x, notes, draft.target_index)


def _run(spec: ExperimentSpec, scene: Scene, plan: Plan, observe: Observer, record: AttackRecord) -> Draft:
    """What the runner returns; unchecked.

    Raises:
        AttackError: the runner of a plug-in raised an error. Errors of shipped attacks are bugs, and pass through.
    """
    checked = CheckedObserver(made_from(observe, plan.base, plan.y), record, plan.n_poison)
    try:
        return record.run(spec.attack, scene, plan, checked)
    except (PoisonLabError, MemoryError, torch.OutOfMemoryError):  # memory errors have a message of their own
        raise
    except (Exception, SystemExit) as error:
        if record.name not in PLUGINS or error is checked.raised:
            raise
        raise AttackError(f"The attack {record.name!r} failed: {where(error, record.run)}.") from error
