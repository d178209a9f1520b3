"""What the pages' map draws, as plain data: points, marks, arrows, names. Nothing here knows a page."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.experiments.plot_data import PlotData
from core.presentation.figures.palette import PALETTE, POISONED
from core.presentation.maps.islands import islands
from core.presentation.maps.ranges import fold_far
from core.system import finite_json
from core.system.arrays import Array

SHAPES = ("dot", "diamond", "open", "cross", "square", "triangle", "disc")
"""Symbols that the component draws: dots are quiet and small, all others lie on top of them."""
MOST_NAMES = 60
"""Classes up to which names stand on a map; where there is no room for one, it is left out."""
QUIET = 0.4
"""Opacity of clean points."""
MOST_NEAR = 8
MOST_LINKED = 20_000
"""Points up to which the browser holds the neighbours of each."""


@dataclass(frozen=True)
class Mark:
    """How a group of points is drawn.

    Attributes:
        name: in the legend; empty for none.
        colour: as "#rrggbb".
        shape: of `SHAPES`.
        alpha: opacity in (0, 1].
        ring: whether a ring in the colour of the claimed class goes around.
    """

    name: str
    colour: str
    shape: str = "dot"
    alpha: float = 1.0
    ring: bool = False


@dataclass(frozen=True, kw_only=True)
class MapScene:
    """The k points of a map, clean ones first, and what stands beside them.

    Attributes:
        xy: (k, 2) positions.
        n_clean: number of clean points.
        y: (k,) labels as the defender receives them.
        classes: class names.
        marks: how groups of points are drawn.
        mark: (k,) index into `marks`.
        base_y: (k - n_clean,) what poisoned samples really are.
        base_index: (k - n_clean,) rows of their base points.
        start_xy: (k - n_clean, 2) where their arrows begin; NaN for no arrow.
        target_xy: (k - n_clean, 2) features that stage 2 optimised; None to draw none.
        shift: (k - n_clean,) distances in feature space.
        predicted: (k,) predictions of the head; None where they are not stored.
        head: the head of the predictions, in words.
        near: (k, j) rows of the nearest neighbours; None where they are not stored.
        axes: titles of both axes where they mean something.
        regions: classes on the left and right of the line at 0, on a plane on which the head's decision is exact.
        is_named: whether classes are named on the map.
        groups: names of several runs and how many poisoned samples each has, where the poison is not of one run.
        beside_xy: (j, 2) positions on maps beside this one, so that all have the same axes; not drawn.
        run: the run that other components on the page select points of; empty for none.
        makes_images: whether the poison has images.
        is_preview: whether the poison is that of a run that goes: the next scene shows it a little later.
    """

    xy: Array
    n_clean: int
    y: Array
    classes: Sequence[str]
    marks: Sequence[Mark]
    mark: Array
    base_y: Array
    base_index: Array
    start_xy: Array
    target_xy: Array | None = None
    shift: Array | None = None
    predicted: Array | None = None
    head: str = "trained with poison"
    near: Array | None = None
    axes: tuple[str, str] | None = None
    regions: tuple[int, int] | None = None
    is_named: bool = True
    groups: Sequence[tuple[str, int]] = field(default=())
    beside_xy: Array | None = None
    run: str = ""
    makes_images: bool = True
    is_preview: bool = False

    def as_data(self) -> dict[str, object]:
        """Plain JSON with arrays as base64 of little-endian numbers, and an `id` that is a digest of all of it."""
        extra = [self.start_xy[np.isfinite(self.start_xy).all(1)]]
        extra += [] if self.target_xy is None else [self.target_xy]
        k = len(self.xy)
        beside = [] if self.beside_xy is None else [self.beside_xy]
        more = sum(map(len, [*extra, *beside]))
        is_poison = np.concatenate([np.arange(k) >= self.n_clean, np.zeros(more, bool)])
        everything = np.concatenate([self.xy, *extra, *beside])
        folded = fold_far(everything, is_poison)
        placed = folded.xy
        start = np.full((len(self.start_xy), 2), np.nan, np.float32)
        has_start = np.isfinite(self.start_xy).all(1)
        start[has_start] = placed[k : k + int(has_start.sum())]
        end = k + sum(map(len, extra))
        target = None if self.target_xy is None else placed[end - len(self.target_xy) : end]
        named = self.is_named and len(self.classes) <= MOST_NAMES
        places = islands(placed[: self.n_clean], self.y[: self.n_clean], len(self.classes)) if named else []
        near = None if self.near is None or k > MOST_LINKED else self.near[:, :MOST_NEAR]
        data: dict[str, object] = {
            "xy": packed(placed[:k], "<f4"),
            "clean": self.n_clean,
            "y": packed(self.y, "<u2"),
            "classes": list(self.classes),
            "colours": [PALETTE[i % len(PALETTE)] for i in range(len(self.classes))],
            "marks": [vars(mark) for mark in self.marks],
            "mark": packed(self.mark, "u1"),
            "baseY": packed(self.base_y, "<u2"),
            "baseRow": packed(self.base_index, "<i4"),
            "start": packed(start, "<f4"),
            "target": None if target is None else packed(target, "<f4"),
            "shift": None if self.shift is None else packed(self.shift, "<f4"),
            "predicted": None if self.predicted is None else packed(self.predicted, "<u2"),
            "head": self.head,
            "near": None if near is None else packed(near, "<i4"),
            "nearest": 0 if near is None else near.shape[1],
            "axes": self.axes,
            "regions": self.regions,
            "low": folded.low.tolist(),
            "high": folded.high.tolist(),
            "far": int(folded.is_far[:k].sum()),
            "islands": [{**vars(place), "name": self.classes[place.label]} for place in places],
            "groups": [list(group) for group in self.groups],
            "run": self.run,
            "makesImages": self.makes_images,
            "isPreview": self.is_preview,
        }
        digest = hashlib.sha256(finite_json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]
        return {**data, "id": digest}


def run_scene(plot: PlotData, classes: Sequence[str], *, run: str = "", shows_targets: bool = False) -> MapScene:
    """The map of a run: pale clean points, poison in one strong colour with a ring in that of its claimed class.

    Args:
        plot: arrays of the run.
        classes: class names.
        run: its hash, for the link with other components; empty for none.
        shows_targets: whether the features that stage 2 optimised are drawn.
    """
    marks, mark = run_marks(plot.train_y, plot.n_poison)
    predicted = None if plot.logits is None else plot.logits.argmax(1)
    return MapScene(
        xy=np.concatenate([plot.train_xy, plot.shown_xy]),
        n_clean=plot.n_clean,
        y=np.concatenate([plot.train_y, plot.poison_y]),
        classes=classes,
        marks=marks,
        mark=mark,
        base_y=plot.base_y,
        base_index=plot.base_index,
        start_xy=np.where(plot.moved[:, None], plot.base_xy, np.nan),
        target_xy=plot.stage2_xy if shows_targets else None,
        shift=plot.shift,
        predicted=predicted,
        near=plot.near,
        run=run,
        makes_images=plot.makes_images,
    )


def run_marks(train_y: Array, n_poison: int) -> tuple[list[Mark], Array]:
    """How clean points (n,), by class, and m poisoned samples are drawn, and the index (n + m,) into that."""
    marks = [Mark("", colour, alpha=QUIET) for colour in PALETTE]
    marks.append(Mark("poisoned", POISONED, "diamond", ring=True))
    return marks, np.concatenate([train_y % len(PALETTE), np.full(n_poison, len(PALETTE))])


def packed(values: Array, dtype: str) -> str:
    """Numbers as base64 of their bytes.

    Raises:
        ValueError: an integer is out of the range of the type.
    """
    kind = np.dtype(dtype)
    values = np.asarray(values)
    if kind.kind in "iu" and values.size:
        limits = np.iinfo(kind)
        if values.min() < limits.min or values.max() > limits.max:
            raise ValueError(f"values between {values.min()} and {values.max()} do not fit {kind}")
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode()
