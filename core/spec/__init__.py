"""Experiments as a user specifies them, and the events of their runs. Without torch; knows no attack by name."""
