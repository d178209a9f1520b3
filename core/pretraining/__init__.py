"""Extractors of our own, learnt without labels."""
