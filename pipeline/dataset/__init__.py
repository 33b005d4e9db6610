"""Makes data sets: aligned faces of walked movies, split and listed for training programs."""
