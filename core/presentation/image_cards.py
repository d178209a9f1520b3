"""What the pages' card of images shows, as plain data: pairs of base and poison, and misread test images."""

from collections.abc import Sequence

import numpy as np

from core.experiments.plot_data import PlotData
from core.presentation.figures.sheets import ImageSheet, groups_per_sheet, image_sheet
from core.presentation.maps.scene import packed
from core.storage.misread import Misread
from core.system.arrays import Array

ORDERS = {"shift": "Largest shift first", "gap": "Smallest gap first", "row": "Original order"}
"""Orders of pairs, the one that is shown first on top."""


def pair_orders(plot: PlotData) -> dict[str, Array]:
    """The rows (m,) of the poisoned samples in each order of `ORDERS` that the run has."""
    orders = {"shift": np.argsort(-plot.shift, kind="stable"), "row": np.arange(plot.n_poison)}
    if plot.gap is not None:
        orders["gap"] = np.argsort(plot.gap, kind="stable")
    return {name: orders[name] for name in ORDERS if name in orders}


def sheet_rows(plot: PlotData, order: str, place: int) -> list[int]:
    """The poisoned samples whose images go on one sheet: those around a place in an order, all where they fit.

    Args:
        plot: of the run.
        order: a key of `ORDERS` that the run has.
        place: in the order, from 0.
    """
    height, width = plot.base_x.shape[2:]
    most = groups_per_sheet(height, width, 2 if plot.makes_images else 1)
    if plot.n_poison <= most:
        return list(range(plot.n_poison))
    first = place // most * most
    return [int(row) for row in pair_orders(plot)[order][first : first + most]]


def pair_sheet(plot: PlotData, rows: Sequence[int]) -> ImageSheet:
    """Base and poisoned image of some poisoned samples; the base alone where the attack makes no images."""
    poison = plot.poison_x
    return image_sheet([[plot.base_x[row]] if poison is None else [plot.base_x[row], poison[row]] for row in rows])


def pair_data(plot: PlotData, classes: Sequence[str], *, run: str, factor: int) -> dict[str, object]:
    """Pairs of base and poison, in the orders in which they can be shown.

    Args:
        plot: of the run.
        classes: class names.
        run: its hash, for the link with the map.
        factor: by which differences are amplified; 0 if no pixel is changed.
    """
    return {
        "kind": "poison",
        "run": run,
        "count": plot.n_poison,
        "classes": list(classes),
        "before": packed(plot.base_y, "<u2"),
        "after": packed(plot.poison_y, "<u2"),
        "numbers": packed(np.arange(plot.n_poison), "<i4"),
        "clean": plot.n_clean,
        "baseRow": packed(plot.base_index, "<i4"),
        "shift": packed(plot.shift, "<f4"),
        "gap": None if plot.gap is None else packed(plot.gap, "<f4"),
        "orders": [[name, ORDERS[name], packed(rows, "<i4")] for name, rows in pair_orders(plot).items()],
        "factor": factor,
    }


def misread_data(misread: Misread, classes: Sequence[str], *, run: str, n_clean: int) -> dict[str, object]:
    """Test images that the poison makes the head misread, in the order of the test set.

    Args:
        misread: which they are.
        classes: class names.
        run: hash of the run.
        n_clean: its number of clean training points, after which the map has its poisoned samples.
    """
    count = len(misread.rows)
    return {
        "kind": "misread",
        "run": run,
        "count": count,
        "classes": list(classes),
        "before": packed(np.asarray(misread.true, int), "<u2"),
        "after": packed(np.asarray(misread.read_as, int), "<u2"),
        "numbers": packed(np.asarray(misread.rows, int), "<i4"),
        "clean": n_clean,
        "baseRow": None,
        "shift": None,
        "gap": None,
        "orders": [["row", ORDERS["row"], packed(np.arange(count), "<i4")]],
        "factor": 0,
    }
