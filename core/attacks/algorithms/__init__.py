"""The algorithms of attacks: planning, images under optimisation, and what several attacks share."""
