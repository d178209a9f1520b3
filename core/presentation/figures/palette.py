"""Colours of all figures, distinguishable with any colour vision, on light and dark backgrounds."""

PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
"""Ten colours that are distinguishable with any colour vision (Petroff 2021, arXiv 2107.02270)."""
NEUTRAL = "#8a93a0"
"""Readable on light and dark backgrounds."""
CLEAN, POISONED = "#3f90da", "#e76300"
