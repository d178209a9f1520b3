"""Running experiments: the run itself, its result, its trajectory, its map, sweeps and costs."""
