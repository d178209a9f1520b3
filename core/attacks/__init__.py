"""The attacks: one base that keeps the rules, one file an idea, one table of names."""
