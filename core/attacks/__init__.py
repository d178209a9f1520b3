"""The attacks, one a file: settings, record and runner; what several share is in algorithms/ and parts/."""
