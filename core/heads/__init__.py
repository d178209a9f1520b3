"""The linear head: one, hundreds at once, their scores, what poison can reach, and neighbours."""
