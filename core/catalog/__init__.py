"""Lookup of everything that can be chosen by name, and validation of combinations."""
