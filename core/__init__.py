"""Poison Lab's engine room: data, extractors, heads, attacks, and the one path that runs them.

Importing this package is cheap: torch is loaded only by the modules that compute.
"""

__version__ = "0.1.0"
