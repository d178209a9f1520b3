"""Certificates: accuracy that no poison of a budget can take away, whatever the attack."""

PARTITIONS = 100
"""Heads that vote, where nobody asks for another number."""
