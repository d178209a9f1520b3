"""Certificates: accuracy that no poison of a budget can take away, whatever the attack."""
