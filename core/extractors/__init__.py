"""Frozen feature extractors: records, weights, and extraction of features."""
