"""A class of simulated students at one server: `python -m benchmarks.load`."""
