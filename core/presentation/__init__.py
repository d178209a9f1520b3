"""Finished runs for people: figures, reports, exports, facts, lessons and stories."""
