"""Sides in pixels at which an experiment can have a user's images. Other data have a side of their own."""

SIDE = 64
"""Where nothing is said of it: the only one that there was before it could be chosen."""
LEAST_SIDE, MOST_SIDE = 8, 224
