"""Previews of a run that goes, for the components that show finished runs."""

from collections.abc import Sequence

import numpy as np

from core.experiments.plot_data import ROUNDING
from core.presentation.figures.images import amplification
from core.presentation.figures.sheets import ImageSheet, image_sheet
from core.presentation.image_cards import ORDERS
from core.presentation.maps.scene import MapScene, packed, run_marks
from core.spec.preview import Preview
from core.system.numbers import counted


def step_words(preview: Preview) -> str:
    """At which step of its stage the poison is shown: "step 90"."""
    return f"step {preview.done:,}" if preview.done else "at the start"


def going_sentence(n_train: int, n_poison: int, *, makes_images: bool) -> str:
    """What is going on, in place of what the poison does.

    Args:
        n_train, n_poison: numbers of clean and of poisoned points.
        makes_images: whether the poison are images, or feature vectors.
    """
    poison = counted(n_poison, "poisoned image" if makes_images else "poisoned feature vector")
    verb = "is" if n_poison == 1 else "are"
    return f"{poison} among {n_train + n_poison:,} {verb} being made: what is shown here is a preview."


def preview_remark(preview: Preview) -> str:
    """What has to be known of the images of a preview before they are looked at; "" for nothing."""
    if preview.poison_x is not None:
        return ""
    return "No poisoned images yet: the attack works on features. Shown are the base images."


def preview_sheet(preview: Preview) -> ImageSheet | None:
    """Base and poisoned image of the first samples, the base alone before there are images; None without any."""
    if preview.base_x is None:
        return None
    poison = preview.poison_x
    return image_sheet([[base] if poison is None else [base, poison[i]] for i, base in enumerate(preview.base_x)])


def preview_cards(preview: Preview, classes: Sequence[str], *, run: str) -> dict[str, object]:
    """The pairs of a preview, as `core.presentation.image_cards.pair_data` has those of a finished run.

    Args:
        preview: with images.
        classes: class names.
        run: hash of the run, for the link with the map.
    """
    assert preview.base_x is not None
    count = len(preview.base_x)
    factor = 0 if preview.poison_x is None else max(1, amplification(preview.base_x, preview.poison_x))
    return {
        "kind": "poison",
        "run": run,
        "count": count,
        "classes": list(classes),
        "before": packed(preview.base_y[:count], "<u2"),
        "after": packed(preview.y[:count], "<u2"),
        "numbers": packed(np.arange(count), "<i4"),
        "clean": 0 if preview.train_y is None else len(preview.train_y),
        "baseRow": packed(preview.base_index[:count], "<i4"),
        "shift": packed(preview.shift[:count], "<f4"),
        "gap": None,
        "orders": [["row", ORDERS["row"], packed(np.arange(count), "<i4")]],
        "factor": factor,
        "isPreview": True,
        "step": step_words(preview),
        "total": preview.n_poison,
    }


def preview_scene(preview: Preview, classes: Sequence[str], *, run: str) -> MapScene | None:
    """The poison of a preview on the map of the clean points; None where there is no map yet.

    Args:
        preview: of the run.
        classes: class names.
        run: its hash, for the link with the images.
    """
    if preview.xy is None or preview.train_xy is None or preview.train_y is None:
        return None
    n, base = len(preview.train_y), preview.base_index
    has_moved = (preview.shift > ROUNDING) & (base >= 0)
    base_xy = preview.train_xy[np.maximum(base, 0)]
    marks, mark = run_marks(preview.train_y, len(base))
    is_still = ~has_moved & (base >= 0)
    return MapScene(
        xy=np.concatenate([preview.train_xy, np.where(is_still[:, None], base_xy, preview.xy)]),
        n_clean=n,
        y=np.concatenate([preview.train_y, preview.y]),
        classes=classes,
        marks=marks,
        mark=mark,
        base_y=preview.base_y,
        base_index=base,
        start_xy=np.where(has_moved[:, None], base_xy, np.nan).astype(np.float32),
        shift=preview.shift,
        run=run,
        makes_images=preview.poison_x is not None,
        is_preview=True,
    )
