"""The colours of every figure, told apart by people with any colour vision, on a light and on a dark background."""

PALETTE = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
"""Ten colours that people with any colour vision tell apart (Petroff 2021, arXiv 2107.02270)."""
NEUTRAL = "#8a93a0"
"""Readable on the light and on the dark background."""
CLEAN, POISONED = "#3f90da", "#e76300"
