"""Data-sanitisation defences: they filter a training set without knowing which points are poisoned."""
