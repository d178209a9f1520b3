"""Frozen feature extractors: their records, weights, and the features that they make."""
