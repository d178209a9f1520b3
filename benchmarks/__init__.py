"""Measurements of Poison Lab; see README.md in this folder."""
