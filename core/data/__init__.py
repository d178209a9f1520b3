"""Data sets: their records, readers and splits."""
