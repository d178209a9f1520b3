"""Poison Lab's engine room: data, extractors, heads, attacks, and the one path that runs them.

Importing this package is cheap: torch is loaded only by the modules that compute.
"""

import os

# Before torch is loaded: threads that wait for each other sleep instead of spinning, which costs several times
# as much where processes share the cores (benchmarks/threads.py).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.1.0"
