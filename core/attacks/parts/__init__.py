"""Settings and stages, with formulas and costs, that several attacks share. Without torch."""
