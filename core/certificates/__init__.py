"""Certificates: lower bounds of the accuracy under any attack of a given budget."""

PARTITIONS = 100
"""Default number of heads that vote."""
