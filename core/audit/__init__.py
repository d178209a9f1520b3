"""Audits: how poisonable a pipeline is, from images or from features, measured within a time."""
