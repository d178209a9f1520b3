"""How fast the stages are, beside other ways to do the same, and how they grow: `python -m benchmarks.speed`."""
