"""How fast the stages are, beside other ways to do the same: `python -m benchmarks.speed`."""
