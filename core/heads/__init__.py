"""The linear head: training one or hundreds at once, scores, reachable parameters, nearest neighbours."""
