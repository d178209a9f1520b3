"""The attacks, one per file: settings, record and runner. Shared code is in algorithms/ and parts/."""
