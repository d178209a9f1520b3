"""Checks of what an attack returns, and of the events it reports: no attack is trusted to keep its contract."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from numbers import Real

import torch
from torch import Tensor

from core.attacks.algorithms.base import Draft, Plan, Scene
from core.attacks.algorithms.plan import follows_rule
from core.attacks.record import AttackRecord
from core.spec.events import Event, Observer, Snapshot
from core.system.errors import AttackError


class CheckedObserver:
    """The observer that an attack gets: it accepts only events of the attack's own stages.

    Args:
        observe: receives the events.
        record: of the attack.
        n_poison: m.
    """

    def __init__(self, observe: Observer, record: AttackRecord, n_poison: int) -> None:
        self.raised: BaseException | None = None
        """The error that the observer itself raised, for which the attack is not to blame: a cancellation or a bug."""
        self._observe = observe
        self._record = record
        self._n_poison = n_poison
        self._stages = {stage.name for stage in record.stages}

    def __call__(self, event: Event) -> None:
        """Check an event and pass it on.

        Raises:
            AttackError: its stage is not one of the attack's, or its values are not numbers.
        """
        who = f"The attack {self._record.name!r}"
        if event.stage not in self._stages:
            raise AttackError(f"{who} reports the stage {event.stage!r}, which is not in its record.")
        if not all(isinstance(value, Real) for value in event.values.values()):
            raise AttackError(f"{who} reports values of the stage {event.stage!r} that are no numbers.")
        show = event.snapshot
        if show is not None:
            event = replace(event, snapshot=lambda: self._checked(show, event.stage))
        try:
            self._observe(event)
        except BaseException as error:
            self.raised = error
            raise

    def _checked(self, show: Callable[[], Snapshot], stage: str) -> Snapshot:
        """The attack's snapshot; it has to hold a head or the features of all poisoned samples."""
        snapshot = show()
        has_head = isinstance(snapshot.theta, Tensor)
        has_features = isinstance(snapshot.z, Tensor) and len(snapshot.z) == self._n_poison
        if not (has_features or (snapshot.z is None and has_head)):
            raise AttackError(
                f"The attack {self._record.name!r} shows neither a head nor the features of {self._n_poison} poisoned "
                f"samples in its stage {stage!r}."
            )
        return snapshot


def check_draft(draft: object, record: AttackRecord, scene: Scene, plan: Plan) -> Draft:
    """Check that an attack's output is what its record promises, and follows budget and label rule.

    Args:
        draft: what the runner returned.
        record: of the attack.
        scene: what the attacker knows.
        plan: of the poison.

    Returns:
        The draft.

    Raises:
        AttackError: one sentence that names the attack and what is wrong.
    """
    who = f"The attack {record.name!r}"
    if not isinstance(draft, Draft):
        raise AttackError(f"{who} returned {type(draft).__name__} instead of a Draft.")
    m, (n, width) = plan.n_poison, scene.z.shape
    for what, rows, limit in (("base", draft.base, n), ("y", draft.y, scene.n_classes)):
        if rows is not None and not _are_rows(rows, limit):
            raise AttackError(f"{who} returned {what} that is no tensor of whole numbers from 0 to {limit - 1}.")
    base, y = (plan.base if draft.base is None else draft.base), (plan.y if draft.y is None else draft.y)
    if not len(base) == len(y) == m or not bool(follows_rule(scene, plan, base, y).all()):
        raise AttackError(f"{who} left its budget or its label rule; nothing of it is used.")
    makes_images = record.makes_images and scene.has_images
    poison = draft.x if makes_images else draft.zeta
    kind = "images" if makes_images else "feature vectors"
    if poison is None or (isinstance(poison, Tensor) and (poison.ndim == 0 or len(poison) != m)):
        raise AttackError(f"{who} did not make {m} {kind}, as its record says.")
    if draft.x is not None and not makes_images:
        raise AttackError(f"{who} made images, though its record says that it makes none.")
    shapes = {"x": (m, *scene.images.shape[1:]), "zeta": (m, width), "target": tuple(scene.clean_head.shape)}
    for what, shape in shapes.items():
        if problem := _problem(getattr(draft, what), shape):
            raise AttackError(f"{who} returned {what} {problem}.")
    if not isinstance(draft.notes, Mapping) or not all(isinstance(value, Real) for value in draft.notes.values()):
        raise AttackError(f"{who} returned notes that are no mapping of names to numbers.")
    return draft


def _are_rows(rows: object, limit: int) -> bool:
    """Whether a value is a tensor (k,) int64 in [0, limit)."""
    if not isinstance(rows, Tensor) or rows.dtype != torch.int64 or rows.ndim != 1:
        return False
    return bool(((rows >= 0) & (rows < limit)).all())


def _problem(values: object, shape: tuple[int, ...]) -> str:
    """What is wrong with a tensor that should hold finite numbers in a shape; "" if nothing is, or for None."""
    if values is None:
        return ""
    if not isinstance(values, Tensor):
        return f"as {type(values).__name__} instead of a tensor"
    if not values.is_floating_point():
        return f"of dtype {values.dtype} instead of a floating one"
    if tuple(values.shape) != shape:
        return f"of shape {tuple(values.shape)} instead of {shape}"
    return "" if bool(values.isfinite().all()) else "with values that are not finite"
