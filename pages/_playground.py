"""The state of the playground and its form in the URL. No Streamlit here.

What the component in the browser changes comes back as the text of a link, and is read by the same rules as a link.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from core.defences.registry import RECORDS as DEFENCES
from core.presentation import plane
from core.spec.experiment import CONSTRAINTS
from pages._controls import Choice, Control, Whole, number_text, quoted, read
from pages._own import Switch
from pages._state import LOCKS, Locks

MOST_POISON = 30
"""The largest budget: a tenth of the points of the largest plane."""
FARTHEST = 100.0
"""Coordinates beyond it are no place in any plane."""
NO_DEFENCE = "none"
DEFENCE_NAMES = ("sphere", "loss", "trim")
"""The defences that the component knows, as `core.defences` defines them."""
RIDGES = (1e-4, 1e-3, 1e-2, 1e-1)
OWN = ("poison", "label", "budget", "constraint", "defence", "ridge", "field")
"""What the component changes."""
KEYS = ("data", *OWN)
"""Every key of a link to the playground, but for its locks."""
LOCKABLE = {
    "data": "Data",
    "poison": "Poisoned points",
    "label": "Label of new poison",
    "budget": "Budget",
    "constraint": "Constraint",
    "defence": "Defence",
    "ridge": "Ridge λ",
    "field": "Influence field",
    "attacker": "Let the attacker play",
    "search": "Search",
}
"""What a link can lock or hide, with the words for it."""


@dataclass(frozen=True)
class PoisonPoint:
    """A poisoned point.

    Attributes:
        label: from 0.
        x: its place.
        base: the row of the clean training point that it is counted as a change of.
    """

    label: int
    x: tuple[float, float]
    base: int


@dataclass(frozen=True)
class Points:
    """Any number of poisoned points up to `most`, of `classes` labels and with bases below `rows`."""

    classes: int
    rows: int
    most: int
    default: tuple[PoisonPoint, ...] = ()

    @property
    def allowed(self) -> str:
        """The allowed values, for an error message."""
        return (
            f"at most {self.most} points between ~, each of which is a label below {self.classes}, two coordinates and "
            f"a base below {self.rows}, between _"
        )

    def parse(self, text: str) -> tuple[PoisonPoint, ...] | None:
        """The points that a link means, or None."""
        points = [self._point(part) for part in text.split("~")] if text else []
        if len(points) > self.most or None in points:
            return None
        return tuple(point for point in points if point is not None)

    def _point(self, text: str) -> PoisonPoint | None:
        try:
            label, first, second, base = text.split("_")
            point = PoisonPoint(int(label), (float(first), float(second)), int(base))
        except ValueError:
            return None
        is_place = all(math.isfinite(value) and abs(value) <= FARTHEST for value in point.x)
        return point if 0 <= point.label < self.classes and 0 <= point.base < self.rows and is_place else None

    def near(self, value: tuple[PoisonPoint, ...]) -> tuple[PoisonPoint, ...]:
        """Those that are allowed."""
        return tuple(point for point in value if point.label < self.classes and point.base < self.rows)[: self.most]

    def text(self, value: tuple[PoisonPoint, ...]) -> str:
        """As they stand in a link."""
        return "~".join(
            "_".join(map(number_text, (point.label, *(round(x, 3) for x in point.x), point.base))) for point in value
        )


@dataclass(frozen=True)
class View:
    """The state of the playground.

    Attributes:
        data: name of the plane.
        poison: the poisoned points.
        label: that new poison gets.
        budget: most poisoned points.
        constraint: where poison may lie, of `core.spec.experiment.CONSTRAINTS`.
        defence: of `DEFENCE_NAMES`, or `NO_DEFENCE`.
        ridge: λ of the head.
        field: whether the influence field is shown.
    """

    data: str = plane.COMPONENTS
    poison: tuple[PoisonPoint, ...] = ()
    label: int = 0
    budget: int = 9
    constraint: str = "valid"
    defence: str = NO_DEFENCE
    ridge: float = 1e-3
    field: bool = True

    def as_data(self) -> dict[str, object]:
        """What the component gets, as plain JSON."""
        poison = [{"x": list(point.x), "label": point.label, "base": point.base} for point in self.poison]
        return {**{key: getattr(self, key) for key in OWN}, "poison": poison}


def data_control() -> Choice[str]:
    """Which planes there are."""
    return Choice(dict(plane.TITLES), View.data)


def controls(classes: int, rows: int) -> dict[str, Control]:  # type: ignore[type-arg]
    """What the component may choose, by key.

    Args:
        classes: of the plane.
        rows: of its training set.
    """
    titles = {name: DEFENCES[name].title for name in DEFENCE_NAMES}
    return {
        "poison": Points(classes, rows, MOST_POISON),
        "label": Choice({label: str(label) for label in range(classes)}, View.label),
        "budget": Whole(1, MOST_POISON, View.budget),
        "constraint": Choice(dict(CONSTRAINTS), View.constraint),
        "defence": Choice({NO_DEFENCE: "None", **titles}, View.defence),
        "ridge": Choice({ridge: number_text(ridge) for ridge in RIDGES}, View.ridge),
        "field": Switch(View.field),
    }


def read_data(query: Mapping[str, str]) -> tuple[str, list[str]]:
    """The plane that a link names; what is wrong with it, where something is."""
    return read("data", data_control(), query.get("data"))


def from_query(query: Mapping[str, str], data: str, classes: int, rows: int) -> tuple[View, Locks, list[str]]:
    """Read a link; one sentence about each thing in it that is not followed.

    Args:
        query: the link.
        data: the plane, by `read_data`.
        classes: of the plane.
        rows: of its training set.
    """
    values: dict[str, object] = {"data": data}
    problems: list[str] = []
    for key, control in controls(classes, rows).items():
        values[key], wrong = read(key, control, query.get(key))
        problems += wrong
    view = View(**values)  # type: ignore[arg-type]
    if len(view.poison) > view.budget:
        problems.append(f"`poison` has {len(view.poison)} points, which is more than the budget; it is raised to that.")
        view = replace(view, budget=len(view.poison))
    locks, wrong = _locks(query)
    problems += wrong
    unknown = [f"`{quoted(key)}`" for key in query if key not in (*KEYS, *LOCKS)]
    if unknown:
        problems.append(f"Unknown: {', '.join(unknown)}. Known: {', '.join((*KEYS, *LOCKS))}.")
    return view, locks, problems


def _locks(query: Mapping[str, str]) -> tuple[Locks, list[str]]:
    """What a link locks and hides; one sentence on names that are no control."""
    locked: dict[str, tuple[str, ...]] = {}
    problems = []
    for kind in LOCKS:
        names = [name.strip() for name in query.get(kind, "").split(",") if name.strip()]
        unknown = [f"`{quoted(name)}`" for name in names if name not in LOCKABLE]
        if unknown:
            problems.append(f"`{kind}` names {', '.join(unknown)}, which is no control. Known: {', '.join(LOCKABLE)}.")
        locked[kind] = tuple(key for key in LOCKABLE if key in names)
    return Locks(**locked), problems


def to_query(view: View, locks: Locks, classes: int, rows: int) -> dict[str, str]:
    """The link to a state; defaults are left out.

    Args:
        view, locks: the state.
        classes: of its plane.
        rows: of its training set.
    """
    all_controls: dict[str, Control] = {"data": data_control(), **controls(classes, rows)}  # type: ignore[type-arg]
    query = {
        key: control.text(getattr(view, key))
        for key, control in all_controls.items()
        if getattr(view, key) != control.default
    }
    return query | {kind: ",".join(names) for kind in LOCKS if (names := getattr(locks, kind))}


def accuracies(result: object) -> tuple[float, float] | None:
    """Clean and poisoned accuracy, each in [0, 1], as the component says them; None where it says no such thing."""
    if not isinstance(result, Mapping):
        return None
    clean, poisoned = (result.get(name) for name in ("clean", "poisoned"))
    if not isinstance(clean, int | float) or not isinstance(poisoned, int | float):
        return None
    return (float(clean), float(poisoned)) if 0 <= clean <= 1 and 0 <= poisoned <= 1 else None


def changed(view: View, link: Mapping[str, str], locks: Locks, classes: int, rows: int) -> View:
    """The state after what the component says; what is no value, or is locked, stays as it was.

    Args:
        view: the state before.
        link: texts by key, as the component writes them.
        locks: what can't be changed.
        classes: of the plane.
        rows: of its training set.
    """
    values = {}
    for key, control in controls(classes, rows).items():
        kept = key in locks.lock or key in locks.hide
        value = None if kept or key not in link else control.parse(str(link[key]))
        if value is not None:
            values[key] = value
    return replace(view, **values)
