"""What runs: the plan of an attack, its images under attack, and the algorithms that several attacks share."""
