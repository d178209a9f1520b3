"""A package, so that the tests that need a live engine share one: see conftest.py."""
