"""Figures and images of a finished run, drawn from stored arrays: one idea a file. Nothing is computed here."""

from core.presentation.figures.accuracy import accuracy_figure, per_class_figure
from core.presentation.figures.before_after import before_after_figure
from core.presentation.figures.curve import curve_figure, curve_meanings
from core.presentation.figures.images import STRIP_PIXELS, amplification, image_row, strip, thumbnail
from core.presentation.figures.map import map_figure
from core.presentation.figures.palette import CLEAN, NEUTRAL, PALETTE, POISONED
from core.presentation.figures.quality import quality_figure
from core.presentation.figures.reach import reach_figure

__all__ = [
    "CLEAN",
    "NEUTRAL",
    "PALETTE",
    "POISONED",
    "STRIP_PIXELS",
    "accuracy_figure",
    "amplification",
    "before_after_figure",
    "curve_figure",
    "curve_meanings",
    "image_row",
    "map_figure",
    "per_class_figure",
    "quality_figure",
    "reach_figure",
    "strip",
    "thumbnail",
]
