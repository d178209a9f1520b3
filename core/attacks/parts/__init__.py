"""What records of several attacks share: settings, and stages with their formulas and costs. Free of torch."""
