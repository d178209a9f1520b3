"""Defences: what a person who trains a head can do about poison, without knowing which points are poison."""
