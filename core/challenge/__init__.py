"""Challenges of a class: rules and rounds, submissions, judging on a hidden test split, the board, live predictions."""
