"""Stage one: turns the frames of a movie into rows of faces."""
