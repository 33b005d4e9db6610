"""Stage one: a movie's frames to rows."""
